"""Changes of chromosomes are known by their form."""

import pytest

from medie_fhir.coding.cytogenetic import cytogenetic_kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("t(9;22)(q34;q11)", "translocation"),
        ("del(17p)", "deletion"),
        ("17p deletion", "deletion"),
        ("inv(16)", "inversion"),
        ("trisomy 12", "gain"),
        ("monosomy 7", "loss"),
        ("1p/19q codeletion", "codeletion"),
        ("co- deletion of 1p/19q", "codeletion"),
        ("philadelphia chromosome", "translocation"),
    ],
)
def test_a_change_of_chromosomes_is_known_by_its_form(text: str, kind: str) -> None:
    assert cytogenetic_kind(text) == kind


@pytest.mark.parametrize("text", ["t(9;22) negative", "trisomy", "deletion", "1p/19q intact", "t 9"])
def test_other_words_are_no_change_of_chromosomes(text: str) -> None:
    assert cytogenetic_kind(text) is None
