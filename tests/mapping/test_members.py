"""A member that nothing has would leave its element out of every resource, without a word: it is a fault."""

import pytest

from medie_fhir.mapping.compile import Compiler


def faults(template: object) -> list[str]:
    compiler = Compiler()
    compiler.template(template)
    return [what for _, what in compiler.faults]


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (
            "%concept.codings.codes",
            "'%concept.codings.codes' is not there (did you mean 'code'?); allowed: body_site, ",
        ),
        ("%concept.attributes.quantitiy", "(did you mean 'quantity'?); allowed: basis, "),
        ("%document.encouter", "'%document.encouter' is not there (did you mean 'encounter'?)"),
        ("%fact.valeu", "'%fact.valeu' is not there (did you mean 'value'?); allowed: alignment, assertion, "),
        ("%fact.evidence.txt", "(did you mean 'text'?); allowed: end, section, start, text"),
        ("%concept.coding", "(did you mean 'codings'?); allowed: attributes, codings, key, match"),
        ("%concept.codings.code.first().dispaly", "(did you mean 'display'?)"),
        ("%concept.codings.code[0].kode", "(did you mean 'code'?)"),
        ("%concept.attributes.where(knd = 'grade').exists()", "'knd' is not there (did you mean 'kind'?)"),
        ("%concept.codings.code.where($this.sytem = 'x')", "'$this.sytem' is not there (did you mean 'system'?)"),
        ("%fact.evidence.select(txt)", "'txt' is not there (did you mean 'text'?)"),
        ("%fact.evidence.select($this).txt", "(did you mean 'text'?)"),
        ("%concept.attributes.quantity.vale", "(did you mean 'value'?)"),
        ("%primary.refrence", "(did you mean 'reference'?)"),
        ("%document.period.begin", "allowed: end, start"),
        ("%fact.value.code", "'%fact.value.code' is not there: it is a plain value"),
        ("iif(%fact.valeu = 'x', 1, 2)", "(did you mean 'value'?)"),
        ("(%concept.attributes.marker | %fact.valeu).first()", "(did you mean 'value'?)"),
    ],
)
def test_a_misspelt_member_is_told_with_what_may_be_meant(expression: str, what: str) -> None:
    (fault,) = faults(f"{{{{ {expression} }}}}")
    assert what in fault


@pytest.mark.parametrize(
    "expression",
    [
        "%fact.evidence.text.first() & %fact.group.toString()",
        "%concept.codings.code.where(system = 'x' and code.exists()).display",
        "%concept.codings.select(code | gene).code",
        "%concept.attributes.where(kind = 'grade').kind",
        "%document.type.coding.code | %document.category.text | %document.identifier.value",
        "%document.author.first().reference.replace('Practitioner/', '')",
        "%document.version.last_updated",
        "%concept.codings.children().whatever",
        "%concept.codings.code.extension.exists() or %concept.codings.code.ofType(Coding).exists()",
        "iif(%fact.value = 'x', %fact, %concept).whatever",
    ],
)
def test_what_is_there_or_can_not_be_told_is_no_fault(expression: str) -> None:
    assert faults(f"{{{{ {expression} }}}}") == []


def test_a_loops_item_has_the_members_of_what_it_goes_over() -> None:
    assert faults({"{% for gene in %concept.codings.gene %}": {"code": "{{ %gene.code }}"}}) == []
    (fault,) = faults({"{% for gene in %concept.codings.gene %}": {"code": "{{ %gene.kode }}"}})
    assert "'%gene.kode' is not there (did you mean 'code'?)" in fault


def test_a_name_that_is_bound_anew_has_members_of_its_own() -> None:
    assert faults({"{% for fact in %concept.codings.gene %}": {"code": "{{ %fact.code }}"}}) == []
    assert faults({"{% assign %}": {"fact": {"mine": "x"}}, "code": "{{ %fact.mine }}"}) == []


def test_endless_nesting_in_a_loop_is_a_fault_of_its_own() -> None:
    assert any("nested too deeply" in fault for fault in faults({"{% for x in " + "-" * 900 + "1 %}": {"a": 1}}))
