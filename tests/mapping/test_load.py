"""Loading a mapping: all faults at once, each with its place."""

import time
from collections.abc import Callable

import pytest

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping import Mapping, load_mapping

FIELDS = ("cancer_type", "stage")
GOOD = """\
name: mine
version: 1.0.0
task: oncology
policy:
  stage: {assertions: [present]}
templates:
  - name: stage
    field: stage
    resource:
      resourceType: Observation
      status: preliminary
      code: {text: "{{ %fact.value }}"}
      subject: "{{ %subject }}"
"""


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(text, "mine.yaml", FIELDS)
    return caught.value.faults


def test_the_default_mapping_loads_and_has_a_label_for_provenance(default: Mapping) -> None:
    assert default.label.startswith(f"{default.file.name}@{default.file.version}#")
    assert {t.field for t in default.file.templates} == set(default.file.policy)


def test_a_good_mapping_loads_and_its_digest_is_of_its_content_alone() -> None:
    one = load_mapping(GOOD, "mine.yaml", FIELDS)
    other = load_mapping("# a comment\n" + GOOD, "elsewhere.yaml", FIELDS)
    changed = load_mapping(GOOD.replace("preliminary", "final"), "mine.yaml", FIELDS)
    assert one.digest == other.digest
    assert one.digest != changed.digest


@pytest.mark.parametrize(
    ("edit", "place", "what"),
    [
        (
            lambda t: t.replace("field: stage", "field: stadium"),
            "mine.yaml:8:12: templates.0.field",
            "is no field of the task",
        ),
        (lambda t: t.replace("  stage: {a", "  cancer_type: {a"), "mine.yaml:8:12", "has no policy"),
        (
            lambda t: t.replace("%fact.value }}", "%fact.value..x }}"),
            "mine.yaml:12:20: templates.0.resource.code.text",
            "no FHIRPath",
        ),
        (lambda t: t.replace("%fact.value", "%fakt.value"), "mine.yaml:12:20", "'%fakt' is no variable"),
        (
            lambda t: t.replace("[present]", "[presnet]"),
            "mine.yaml:5:24: policy.stage.assertions.0",
            "(did you mean 'present'?)",
        ),
        (
            lambda t: t.replace("{assertions: [present]}", "{readers: [modell]}"),
            "mine.yaml:5:21: policy.stage.readers.0",
            "(did you mean 'model'?)",
        ),
        (lambda t: t.replace("1.0.0", "one"), "mine.yaml:2:10: version", "String should match"),
        (
            lambda t: t.replace("task: oncology", "taks: oncology"),
            "mine.yaml:3:7: taks",
            "no such key (did you mean 'task'?)",
        ),
        (
            lambda t: t.replace("status: preliminary", "status: banana"),
            "mine.yaml:11:15: templates.0.resource.status",
            "value set",
        ),
        (
            lambda t: t.replace("status: preliminary", "stauts: preliminary"),
            "mine.yaml:11:15: templates.0.resource.stauts",
            "no such element",
        ),
        (
            lambda t: t.replace("Observation", "Obzervation"),
            "mine.yaml:10:7: templates.0.resource",
            "none of FHIR R4's",
        ),
        (lambda t: t + "name: twice\n", "mine.yaml:14:1: name", "the key stands twice"),
        (lambda t: t + "  bad: [", "mine.yaml:", "not YAML"),
        (lambda _: "- a list", "mine.yaml:1", "is a YAML mapping"),
        (lambda _: "", "mine.yaml:1", "is a YAML mapping"),
    ],
)
def test_each_fault_names_file_line_column_path_and_what_is_wrong(
    edit: Callable[[str], str], place: str, what: str
) -> None:
    found = faults(edit(GOOD))
    assert any(f.startswith(place) and what in f for f in found), found


@pytest.mark.parametrize(
    ("edit", "place", "what"),
    [
        (("%fact.value }}", "%fact.value.uper() }}"), "12:20", "'uper()' is no function of FHIRPath (did you mean 'u"),
        (("preliminary", "prelim"), "11:15", "allowed: amended, cancelled, corrected"),
        (("      subject", "      subjekt"), "13:16", "no such element in FHIR R4 (did you mean 'subject'?)"),
        (('%fact.value }}"', '%fact.evidence.text }}"'), "12:20", "gives 2 values where one is due: write .first()"),
        (('value }}"}', 'value }}", coding: ["{{ %concept.codings.code }}"]}'), "12:50", "gives 2 values"),
    ],
)
def test_a_fault_stands_at_its_element_and_tells_what_to_write(edit: tuple[str, str], place: str, what: str) -> None:
    (fault,) = faults(GOOD.replace(*edit))
    assert fault.startswith(f"mine.yaml:{place}: templates.0.resource.")
    assert what in fault


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("now()", "'now()' tells the time of the writing"),
        ("iif(today() > %effective, 1, 2)", "'today()' tells the time of the writing"),
        ("%fact.value.trace('x')", "'trace()' would print what the note says"),
        ("%fact.value.`trace`('x')", "'trace()' would print what the note says"),
        ("%fact.value.matches('(a+)+$')", "the regular expression '(a+)+$' repeats what repeats or varies itself"),
        ("%fact.value.matches( /* so */ '(\\\\\\\\w+)*$')", "and may have no end"),
        ("%fact.value.replaceMatches('(', '')", "the regular expression '(' is no regular expression"),
        ("'text'.matches(%fact.value)", "a regular expression is written out"),
        ("%fact.value.matches('a' & %fact.value)", "a regular expression is written out"),
        (" & ".join(["'a'"] * 150), "no more"),
        (" & ".join(["'a'"] * 200), "an expression of more than 1,000 characters"),
        ("-" * 900 + "1", "nested too deeply"),
    ],
)
def test_what_would_print_or_hang_or_differ_each_time_is_refused_at_once(expression: str, what: str) -> None:
    text = GOOD.replace("{{ %fact.value }}", f"{{{{ {expression} }}}}")
    if what == "no more":
        assert load_mapping(text, "mine.yaml", FIELDS)
        return
    (fault,) = faults(text)
    assert fault.startswith("mine.yaml:12:20: templates.0.resource.code.text: ")
    assert what in fault


@pytest.mark.parametrize("text", ["{{" + " " * 9000, "{{ " * 3000, "{% if" + " " * 9000, "{[ ]" * 3000])
def test_braces_in_any_number_are_read_in_no_time(text: str) -> None:
    before = time.process_time()
    (fault,) = faults(GOOD.replace('"{{ %fact.value }}"', f'"{text}"'))
    assert "has no counterpart" in fault
    assert time.process_time() - before < 5


def test_functions_are_told_from_operators_and_from_what_stands_in_texts() -> None:
    when = "(%fact.value = 'no(such)') and (%fact.field in ('a' | 'b')) or %fact.evidence.exists (start > 3)"
    load_mapping(GOOD.replace("    field: stage\n", f'    field: stage\n    when: "{when}"\n'), "mine.yaml", FIELDS)


def test_all_faults_are_told_at_once() -> None:
    broken = GOOD.replace("%subject", "%subjekt").replace("%fact.value", "%fact.value(")
    assert len(faults(broken)) >= 2


def test_faults_of_one_kind_hide_none_of_another() -> None:
    second = GOOD[GOOD.index("  - name:") :].replace("name: stage", "name: other").replace("preliminary", "banana")
    third = second.replace("name: other", "name: third").replace("field: stage", "field: stagee")
    unread = GOOD.replace("%subject", "%subjekt") + "      effectiveDateTime: 2026-01-01\n" + second + third
    assert [fault.partition(": ")[0] for fault in faults(unread)] == [
        "mine.yaml:14:26",  # YAML's own date
        "mine.yaml:23:12",  # no field of the task
        "mine.yaml:13:16",  # no variable
        "mine.yaml:19:15",  # no status
    ]
    misshapen = GOOD.replace("task: oncology", "taks: oncology").replace("%subject", "%subjekt")
    assert [fault.partition(": ")[0] for fault in faults(misshapen)] == [
        "mine.yaml:1:1",
        "mine.yaml:3:7",
        "mine.yaml:13:16",
    ]


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (("1.0.0", "2026-13-45"), "mine.yaml:2:10: version: a date or time stands in quotes"),
        (("1.0.0", "1" * 5000), "mine.yaml:2:10: version: is no !!int"),
        (
            ("preliminary", "2026-01-01"),
            "11:15: templates.0.resource.status: a date or time stands in quotes",
        ),
        (
            ("{assertions: [present]}", "{uncoded: 'yes'}"),
            "5:20: policy.stage.uncoded: must be true or false; found",
        ),
        (("{assertions: [present]}", "{minimal_confidence: '1'}"), "minimal_confidence: must be a number; found '1'"),
        (("{assertions: [present]}", "{assertions: []}"), "policy.stage.assertions: must hold one at least"),
        (("{assertions: [present]}", ""), "mine.yaml:5:9: policy.stage: must be a mapping; found nothing"),
        (("templates:", "templates: [3]\nx:"), "mine.yaml:6:13: templates.0: must be a mapping; found 3"),
    ],
)
def test_a_value_of_another_kind_is_a_fault_that_says_what_is_due(edit: tuple[str, str], what: str) -> None:
    assert any(what in fault for fault in faults(GOOD.replace(*edit))), faults(GOOD.replace(*edit))


def test_a_loop_variable_is_a_variable() -> None:
    looped = GOOD + '      note:\n        - "{% for e in %fact.evidence %}": {text: "{{ %e.text }}"}\n'
    assert load_mapping(looped, "mine.yaml", FIELDS).file.name == "mine"


@pytest.mark.parametrize("broken", ["{{ %fact.value", "%fact.value }}", "{[ %fact.value }}", "{% if %fact %"])
def test_braces_without_a_counterpart_are_a_fault_and_not_text(broken: str) -> None:
    (fault,) = faults(GOOD.replace("{{ %fact.value }}", broken))
    assert fault.startswith("mine.yaml:12:20: templates.0.resource.code.text: ")


@pytest.mark.parametrize("brackets", ["[", "{a: "])
def test_endless_nesting_is_a_fault(brackets: str) -> None:
    assert faults(brackets * 50_000) == ["mine.yaml: not YAML: nested too deeply"]


def test_what_becomes_of_edits_is_kept_by_default_and_no_part_of_the_mappings_label(
    default_text: str, default: Mapping
) -> None:
    loaded = {
        how: load_mapping(default_text.replace("reviewed: keep", how), "m.yaml", default.file.policy)
        for how in ("reviewed: keep", "reviewed: flag", "reviewed: overwrite", "")
    }
    assert [m.file.reviewed for m in loaded.values()] == ["keep", "flag", "overwrite", "keep"]
    assert len({m.label for m in loaded.values()}) == 1, "else a Provenance of each note would be made anew"


def test_another_word_for_it_is_refused_with_its_line(default_text: str, default: Mapping) -> None:
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(default_text.replace("reviewed: keep", "reviewed: ask"), "m.yaml", default.file.policy)
    (fault,) = caught.value.faults
    line = default_text.splitlines().index("reviewed: keep") + 1
    assert fault.startswith(f"m.yaml:{line}:")
    assert "'keep', 'flag' or 'overwrite'" in fault
