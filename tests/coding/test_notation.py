"""What looks like HGVS and is none."""

from __future__ import annotations

import pytest

from medie_fhir.coding.notation import histone_change, means_any, readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("EGFR p. L858R", "egfr p.l858r"),
        ("BRAF V600 E", "braf v600e"),
        ("BRAF pV600E", "braf p.v600e"),
        ("EGFR ex19del", "egfr exon 19 del"),
        ("MET exon14 skipping", "met exon 14 skipping"),
        ("BRCA2 c.6174delT", "brca2 6174delt"),
        ("BRCA2 c.5946delT", "brca2 c.5946delt"),
    ],
)
def test_what_is_glued_or_torn_is_set_right(value: str, text: str) -> None:
    assert readable(value).split() == text.split()


@pytest.mark.parametrize(
    ("symbol", "value", "holds"),
    [("KRAS", "KRAS G12X", True), ("BRAF", "p.V600X", True), ("APC", "APC R1450X", False), ("KRAS", "G12C", False)],
)
def test_x_is_any_residue_of_a_gene_that_is_activated(symbol: str, value: str, holds: bool) -> None:
    assert means_any(symbol, value) is holds


def test_a_histone_is_counted_in_the_finished_protein() -> None:
    assert histone_change("H3-3A", "H3F3A p.K27M") == "K27M"
    assert histone_change("H3-3A", "H3F3A p.Lys28Met") is None
    assert histone_change("BRAF", "K27M") is None
