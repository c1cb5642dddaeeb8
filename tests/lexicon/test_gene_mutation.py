"""Changes of genes as notes write them, and genes that are tested, normal, or words."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    ("The tumor has an EGFR L858R change.", ["EGFR L858R"]),
    ("KRAS (p.Gly12Asp) and TP53 p.R175H were found.", ["KRAS (p.Gly12Asp)", "TP53 p.R175H"]),
    ("Germline BRCA1 c.68_69delAG.", ["BRCA1 c.68_69delAG"]),
    ("There is an EGFR exon 19 deletion.", ["EGFR exon 19 deletion"]),
    ("An exon 20 insertion in ERBB2 was seen.", ["exon 20 insertion in ERBB2"]),
    ("The leukemia is FLT3-ITD positive with an NPM1 mutation.", ["FLT3-ITD", "NPM1 mutation"]),
    ("KRAS-mutant colorectal cancer.", ["KRAS-mutant"]),
    ("She is a BRCA2 mutation carrier.", ["BRCA2 mutation"]),
    (
        "ALK rearranged; MET amplification; CDKN2A deletion; PTEN loss.",
        ["ALK rearranged", "MET amplification", "CDKN2A deletion", "PTEN loss"],
    ),
    ("KRAS, PIK3CA and APC mutations were found.", ["KRAS", "PIK3CA", "APC mutations"]),
    ("We saw mutations in KRAS, TP53, and SMAD4.", ["mutations in KRAS", "TP53", "SMAD4"]),
    ("Mutations in many genes, including KRAS and APC.", ["KRAS", "APC"]),
    ("An EML4-ALK fusion and an EWSR1::FLI1 transcript.", ["EML4-ALK fusion", "EWSR1::FLI1 transcript"]),
    ("The leukemia has t(9;22)(q34;q11) and del(17p).", ["t(9;22)(q34;q11)", "del(17p)"]),
    ("There is 1p/19q codeletion.", ["1p/19q codeletion"]),
    ("JAK2 V617F", ["JAK2 V617F"]),
    ("Positive for BRCA2.", ["BRCA2"]),
    ("A BRCA-2 mutation and a p53 mutation.", ["BRCA-2 mutation", "p53 mutation"]),
    ("A SETD2 mutation of the tumor.", ["SETD2 mutation"]),
    ("ALK-positive lung cancer.", ["ALK-positive"]),
    ("The tumor has EGFRvIII.", ["EGFRvIII"]),
    ("The leukemia has NPM1 p.W288Cfs*12.", ["NPM1 p.W288Cfs*12"]),
    ("BRCA2 p.Ser1982Argfs*22 of the tumor.", ["BRCA2 p.Ser1982Argfs*22"]),
    ("EGFR ex19del lung cancer.", ["EGFR ex19del"]),
    ("A MET ex14 skipping lung cancer.", ["MET ex14 skipping"]),
    ("BRAF V600-mutant melanoma.", ["BRAF V600-mutant"]),
    ("CLL with del(17p).", ["del(17p)"]),
    ("Glioblastoma with EGFR amplification, IDH-wildtype glioblastoma.", ["EGFR amplification"]),
]

NOT_SEEN = [
    "No KRAS, NRAS or BRAF mutations.",
    "EGFR wild type, ALK negative.",
    "KRAS mutation was not detected.",
    "EGFR mutation testing is pending.",
    "Tested for EGFR, ALK and ROS1 mutations.",
    "ALK phos 120; he MET the criteria.",
    "The patients met their goals.",
    "Treated with an EGFR inhibitor.",
    "Her mother is a BRCA1 carrier.",
    "Sequencing of the KRAS, BRAF and PIK3CA genes.",
    "Loss of MLH1 and PMS2.",
    "HER2 amplification by FISH.",
    "Her MTHFR C677T mutation is known.",
    "No KIT or PDGFRA mutation.",
    "BRAF V600 mutation testing is pending.",
    "Philadelphia, del(ete) this.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_gene_mutation_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("gene_mutation", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_gene_mutation_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("gene_mutation", text) == []
