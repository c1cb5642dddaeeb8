"""gene_mutation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from medie_fhir.coding.tables import Tables
from medie_fhir.coding.variant import code_variant
from medie_fhir.coding.wording import fold

HGNC = "http://www.genenames.org"


@pytest.mark.parametrize(
    ("value", "key", "attributes"),
    [
        ("EGFR L858R", "HGNC:3236|p.Leu858Arg", {"hgvs_p": "p.Leu858Arg", "kind": "mutation"}),
        ("EGFR p.L858R mutation in exon 21", "HGNC:3236|p.Leu858Arg", {"hgvs_p": "p.Leu858Arg", "exon": 21}),
        ("EGFR T790 M mutation", "HGNC:3236|p.Thr790Met", {"hgvs_p": "p.Thr790Met"}),
        ("BRAF pV600E", "HGNC:1097|p.Val600Glu", {"hgvs_p": "p.Val600Glu"}),
        ("BRCA-2 mutation", "HGNC:1101", {"kind": "mutation"}),
        ("EGFR exon 19 deletion", "HGNC:3236|exon 19 deletion", {"exon": 19, "kind": "deletion"}),
        ("EGFR exon 19 deletion (E746_A750del)", "HGNC:3236|p.Glu746_Ala750del", {"exon": 19, "kind": "deletion"}),
        ("MET exon 14 skipping mutation", "HGNC:7029|exon 14 exon skipping", {"kind": "exon skipping"}),
        ("germline BRCA1 c.68_69delAG", "HGNC:1100|c.68_69del", {"hgvs_c": "c.68_69del", "origin": "germline"}),
        ("BRCA2 6174delT (germline)", "HGNC:1101|6174delt", {"legacy": "6174delt", "origin": "germline"}),
        ("somatic TP53 mutation", "HGNC:11998", {"origin": "somatic"}),
        ("KRAS wild-type", "HGNC:6407|absent", {"presence": "absent"}),
        ("no EGFR mutation", "HGNC:3236|absent", {"presence": "absent"}),
        ("EGFR L858R not detected", "HGNC:3236|p.Leu858Arg|absent", {"presence": "absent"}),
        ("TERT promoter C228T", "HGNC:11730|c228t", {"legacy": "c228t", "kind": "promoter mutation"}),
        ("HER2 amplification", "HGNC:3430|amplification", {"kind": "amplification"}),
    ],
)
def test_a_variant_is_its_gene_and_its_change(tables: Tables, value: str, key: str, attributes: dict[str, Any]) -> None:
    concept = code_variant(value, tables)
    assert concept.key == f"{HGNC}|{key}"
    assert concept.codings["code"] == concept.codings["gene"]
    assert attributes.items() <= concept.attributes.items()


def test_the_gene_is_shown_by_its_approved_symbol(tables: Tables) -> None:
    gene = code_variant("HER2 mutation", tables).codings["gene"][0]
    assert (gene.system, gene.code, gene.display) == (HGNC, "HGNC:3430", "ERBB2")


@pytest.mark.parametrize("value", ["EML4-ALK fusion", "EML4::ALK", "EML4/ALK rearrangement", "fusion of EML4 and ALK"])
def test_a_fusion_has_two_genes_and_no_main_one(tables: Tables, value: str) -> None:
    concept = code_variant(value, tables)
    assert [gene.display for gene in concept.codings["gene"]] == ["EML4", "ALK"]
    assert concept.main is None


@pytest.mark.parametrize(
    "value",
    [
        "KRAS/NRAS wild-type",
        "EGFR L858R and T790M",
        "EGFR and KRAS mutations",
        "met with the patient",
        "EGFR pending",
        "none",
    ],
)
def test_what_is_not_one_variant_gets_no_code(tables: Tables, value: str) -> None:
    concept = code_variant(value, tables)
    assert concept.codings == {}
    assert concept.match == "none"


def test_a_change_without_its_gene_keeps_the_change(tables: Tables) -> None:
    concept = code_variant("T790M", tables)
    assert concept.codings == {}
    assert concept.attributes["hgvs_p"] == "p.Thr790Met"


@pytest.mark.parametrize("value", ["ATXN2 mutation", "TTN p.Arg100Ter", "SMARCD1 loss", "ATXN2 MUTATION", "ATXN2"])
def test_a_rarer_gene_is_known_as_hgnc_writes_it(tables: Tables, value: str) -> None:
    assert (code_variant(value, tables).row or "").startswith("hgnc:")


@pytest.mark.parametrize("value", ["ttn mutation", "the REST", "WAS DETECTED", "TTN MUTATION", "titin mutation"])
def test_a_word_that_is_a_symbol_too_is_no_rarer_gene(tables: Tables, value: str) -> None:
    assert code_variant(value, tables).match == "none"


def test_a_fusion_may_have_one_rarer_gene(tables: Tables) -> None:
    concept = code_variant("TPM3-ZNF462 fusion", tables)
    assert [coding.display for coding in concept.codings["gene"]] == ["TPM3", "ZNF462"]


@pytest.mark.parametrize(
    "value",
    [
        "EGFR exon 19 deletion, EGFR T790M",
        "EGFR exon 19 deletion and exon 20 insertion",
        "KRAS amplification and G12D",
        "EML4-ALK fusion with G1202R",
        "FLT3-ITD and D835Y",
    ],
)
def test_two_changes_in_one_value_get_no_code(tables: Tables, value: str) -> None:
    assert code_variant(value, tables).codings == {}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("BRCA2 loss of function mutation", "mutation"),
        ("PTEN loss", "loss"),
        ("PTEN copy number loss", "deletion"),
        ("KIT exon 11 deletion (W557_K558del)", "deletion"),
        ("MET exon 14 skipping (D1010N)", "exon skipping"),
    ],
)
def test_a_change_is_of_the_kind_that_is_told(tables: Tables, value: str, kind: str) -> None:
    concept = code_variant(value, tables)
    assert concept.main is not None
    assert concept.attributes["kind"] == kind


@pytest.mark.parametrize("value", ["BRAF T1799A", "BRAF 1799T>A"])
def test_a_nucleotide_change_without_its_c_is_no_protein_change(tables: Tables, value: str) -> None:
    concept = code_variant(value, tables)
    assert "hgvs_p" not in concept.attributes
    assert concept.attributes["legacy"] == value.split()[1].lower()


def test_a_nucleotide_change_may_stand_beside_its_protein_change(tables: Tables) -> None:
    assert code_variant("1799T>A (V600E) mutation in the BRAF gene", tables).attributes["hgvs_p"] == "p.Val600Glu"


@pytest.mark.parametrize("value", ["HER2 positive", "p53 positive", "AR positive", "c-kit positive", "CD5 positive"])
def test_a_stain_is_no_change_of_the_gene(tables: Tables, value: str) -> None:
    assert code_variant(value, tables).codings == {}


@pytest.mark.parametrize("value", ["ALK positive", "ROS1 positive", "EGFR positive", "BRAF", "p53", "HER2 mutation"])
def test_a_gene_in_its_own_letters_needs_no_more(tables: Tables, value: str) -> None:
    assert code_variant(value, tables).main is not None


def test_a_change_of_chromosomes_is_known_though_it_has_no_code(tables: Tables) -> None:
    concept = code_variant("t(9;22)", tables)
    assert (concept.match, concept.codings, concept.attributes["kind"]) == ("rule", {}, "translocation")


@pytest.mark.parametrize(
    ("value", "legacy"),
    [
        ("BRCA2 c.6174delT", "6174delt"),
        ("BRCA1 c.185delAG", "185delag"),
        ("BRCA1 c.5382insC", "5382insc"),
        ("H3F3A K27M", "K27M"),
        ("H3F3A p.G34R mutation", "G34R"),
    ],
)
def test_a_name_that_counts_otherwise_than_hgvs_stays_as_it_is_written(tables: Tables, value: str, legacy: str) -> None:
    concept = code_variant(value, tables)
    assert concept.main is not None
    assert concept.attributes["legacy"] == legacy
    assert not {"hgvs_p", "hgvs_c"} & concept.attributes.keys()


def test_a_stop_is_still_read_where_a_gene_is_lost_by_it(tables: Tables) -> None:
    assert code_variant("APC p.R1450X", tables).attributes["hgvs_p"] == "p.Arg1450Ter"
    assert code_variant("TP53 R213*", tables).attributes["hgvs_p"] == "p.Arg213Ter"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("BRAF V600 mutation", {"codon": 600}),
        ("KRAS G12", {"codon": 12}),
        ("EGFR ex19del", {"exon": 19, "kind": "deletion"}),
        ("EGFR ex20ins", {"exon": 20, "kind": "insertion"}),
        ("MET exon14 skipping", {"exon": 14, "kind": "exon skipping"}),
    ],
)
def test_a_place_without_its_change_is_told(tables: Tables, value: str, what: dict[str, Any]) -> None:
    concept = code_variant(value, tables)
    assert concept.main is not None
    assert what.items() <= concept.attributes.items()


def test_no_wording_of_a_gene_is_the_approved_symbol_of_another(tables: Tables) -> None:
    rows = [entry for name in ("genes", "hgnc") for entry in tables[name].entries.values()]
    symbols = {fold(entry.name): entry.name for entry in rows}
    taken = [
        f"{entry.name}: {wording}"
        for entry in rows
        for wording in entry.synonyms
        if symbols.get(fold(wording), entry.name) != entry.name
    ]
    assert taken == []


def test_no_alias_is_of_two_genes(tables: Tables) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for entry in (entry for name in ("genes", "hgnc") for entry in tables[name].entries.values()):
        for wording in (entry.name, *entry.synonyms):
            owners[fold(wording)].add(entry.name)
    assert [genes for genes in owners.values() if len(genes) > 1] == []
