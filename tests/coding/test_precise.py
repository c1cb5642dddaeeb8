"""Of a note's values, the more precise ones of the same kind."""

from __future__ import annotations

import pytest

from medie_fhir.coding import Tables, code, more_precise


@pytest.mark.parametrize(
    ("values", "precise"),
    [
        (["lung cancer", "lung adenocarcinoma"], [{1}, set()]),
        (["cancer", "breast cancer", "invasive ductal carcinoma"], [{1, 2}, {2}, set()]),
        (["lung cancer", "breast cancer"], [set(), set()]),
        (["breast cancer", "breast cancer"], [set(), set()]),
        (["right breast cancer", "left invasive ductal carcinoma"], [set(), set()]),
        (["right breast cancer", "right breast invasive ductal carcinoma"], [{1}, set()]),
        (["a word of no table", "lung cancer"], [set(), set()]),
    ],
)
def test_a_kind_of_it_says_more_and_another_disease_or_side_does_not(
    tables: Tables, values: list[str], precise: list[set[int]]
) -> None:
    concepts = [code("cancer_type", value, tables) for value in values]
    assert [set(places) for places in more_precise(concepts, tables)] == precise


@pytest.mark.parametrize(
    ("values", "precise"),
    [
        (["EGFR mutation", "EGFR L858R"], [{1}, set()]),
        (["EGFR-mutated", "EGFR exon 19 deletion", "EGFR T790M"], [{1, 2}, set(), set()]),
        (["EGFR mutation", "KRAS G12C"], [set(), set()]),
        (["EGFR mutation", "EGFR amplification"], [set(), set()]),
        (["EGFR wild-type", "EGFR L858R"], [set(), set()]),
        (["germline BRCA1 mutation", "BRCA1 c.68_69delAG"], [set(), set()]),
    ],
)
def test_a_gene_that_is_mutated_is_told_by_its_change(
    tables: Tables, values: list[str], precise: list[set[int]]
) -> None:
    concepts = [code("gene_mutation", value, tables) for value in values]
    assert [set(places) for places in more_precise(concepts, tables)] == precise
