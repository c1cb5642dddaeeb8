"""What wordings mean: the table that a clinician can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding import Tables, code, load_tables
from medie_fhir.coding.coder import MAX_CHARACTERS
from medie_fhir.coding.wording import words
from medie_fhir.shipped import shipped

FIELDS = ("biomarker", "cancer_type", "gene_mutation", "metastasis_site", "response", "stage", "treatment")
TABLES = load_tables(shipped("mappings", "terminology"))

WORDINGS = [
    line.split(" = ")
    for line in """
cancer_type: lung adenocarcinoma = 254626006
cancer_type: Adenocarcinoma of the lung = 254626006
cancer_type: pulmonary adenocarcinoma = 254626006
cancer_type: NSCLC, adenocarcinoma = 254626006
cancer_type: NSCLC = 254637007
cancer_type: non–small‑cell lung cancer = 254637007
cancer_type: extensive-stage small cell lung cancer = 254632001
cancer_type: breast cancer = 254837009
cancer_type: tumours of the breast = 254837009
cancer_type: breast cancer (invasive ductal carcinoma) = 408643008
cancer_type: invasive ductal carcinoma of the left breast = 408643008
cancer_type: IDC = 408643008
cancer_type: triple-negative breast cancer = 706970001
cancer_type: HER2-positive breast cancer = 427685000
cancer_type: DCIS = 109889007
cancer_type: colorectal adenocarcinoma = 408645001
cancer_type: colon adenocarcinoma = C4349
cancer_type: rectal adenocarcinoma = 254582000
cancer_type: gastric adenocarcinoma = 408647009
cancer_type: poorly differentiated adenocarcinoma of the stomach = 408647009
cancer_type: oesophageal squamous cell carcinoma = 276804009
cancer_type: hepatocellular carcinoma = 109841003
cancer_type: HCC = 109841003
cancer_type: cholangiocarcinoma = 312104005
cancer_type: pancreatic ductal adenocarcinoma = C9120
cancer_type: stage IV pancreatic adenocarcinoma = 700423003
cancer_type: prostate adenocarcinoma = 399490008
cancer_type: metastatic prostate cancer = 399068003
cancer_type: mCRPC = 399068003
cancer_type: clear cell renal cell carcinoma = 254915003
cancer_type: urothelial carcinoma of the bladder = 255109008
cancer_type: high-grade serous ovarian carcinoma = 363443007
cancer_type: ovarian carcinoma (high-grade serous) = 363443007
cancer_type: endometrial cancer = 188192002
cancer_type: squamous cell carcinoma of the cervix = 254886006
cancer_type: melanoma = 372244006
cancer_type: metastatic cutaneous melanoma = 93655004
cancer_type: melanoma (superficial spreading) = 254730000
cancer_type: squamous cell carcinoma of the oropharynx = C8181
cancer_type: papillary thyroid carcinoma = 255029007
cancer_type: glioblastoma multiforme = 393563007
cancer_type: glioblastoma (WHO grade IV) = 393563007
cancer_type: acute myeloid leukemia = 91861009
cancer_type: chronic lymphocytic leukaemia = 92814006
cancer_type: DLBCL = C8851
cancer_type: follicular lymphoma = 308121000
cancer_type: multiple myeloma = 109989006
cancer_type: GIST = 420120006
cancer_type: mesothelioma of the pleura = 254645002
cancer_type: sarcoma of the trachea = C6050
cancer_type: malignant neoplasm of upper lobe, left bronchus or lung = C34.12
cancer_type: C34.12 = C34.12
cancer_type: anal cancer = C21.0
metastasis_site: brachial plexus = 128462008
metastasis_site: distal tibia = 94222008
metastasis_site: brain = 94225005
metastasis_site: mets to the liver = 94381002
metastasis_site: hepatic metastases = 94381002
metastasis_site: pulmonary nodules = 94391008
metastasis_site: lungs = 94391008
metastasis_site: osseous metastatic disease = 94222008
metastasis_site: bone (spine) = 94602001
metastasis_site: bone (T8) = 94602001
metastasis_site: left adrenal gland = 94161006
metastasis_site: peritoneal carcinomatosis = 94627008
metastasis_site: omentum = C78.6
metastasis_site: lymph nodes = 94392001
metastasis_site: axillary lymph nodes = C77.3
metastasis_site: pelvic lymph nodes = 94350006
metastasis_site: malignant pleural effusion = 94493005
metastasis_site: leptomeningeal disease = C79.32
metastasis_site: distant metastases = 128462008
stage: IV = 258228008
stage: stage IV = 258228008
stage: Stage 4 = 258228008
stage: stage 0 = 261613009
stage: stage IIIA = C27977
stage: stage 3b = C27978
stage: III = 258224005
stage: IIIC = 258224005
stage: iii c = 258224005
stage: I (IB) = C27976
stage: II (cT2N0M0) = 258219007
stage: IV (metastatic castration-resistant) = 258228008
stage: FIGO stage IIIC = C96258
stage: AJCC 8th edition stage IIB = 1222769001
stage: Ann Arbor stage IIIB = 258224005
gene_mutation: EGFR L858R = HGNC:3236
gene_mutation: BRAF pV600E mutation = HGNC:1097
gene_mutation: KRAS G12D = HGNC:6407
gene_mutation: mutation of KRAS gene at codon 146 = HGNC:6407
gene_mutation: p53 R175H = HGNC:11998
gene_mutation: germline BRCA1 c.68_69delAG = HGNC:1100
gene_mutation: BRCA2 pathogenic variant = HGNC:1101
gene_mutation: MET amplification = HGNC:7029
gene_mutation: HER2 amplification = HGNC:3430
gene_mutation: FLT3-ITD = HGNC:3765
gene_mutation: ALK rearrangement = HGNC:427
biomarker: PD-L1 TPS 50% = 83053-9
biomarker: PD-L1 <1% = 83053-9
biomarker: PD-L1 22C3 positive = 83052-1
biomarker: ER positive (95%) = 16112-5
biomarker: oestrogen receptor positive = 16112-5
biomarker: ER 90% = 14228-1
biomarker: PR- = 16113-3
biomarker: HER2 amplification = 48676-1
biomarker: HER2 3+ by IHC = 18474-7
biomarker: HER2 amplified by FISH = 31150-6
biomarker: HER2 FISH ratio 4.2 = 49683-6
biomarker: Ki-67 of 20% = 29593-1
biomarker: PSA 12.4 ng/mL = 2857-1
biomarker: CEA elevated (120 ng/mL) = 2039-6
biomarker: elevated CA-125 = 10334-1
biomarker: CA 19-9 >1000 U/mL = 24108-3
biomarker: CA 15-3 was 290 U/ml = 6875-9
biomarker: MSI-H = 81695-9
biomarker: microsatellite stable (MSS) = 81695-9
biomarker: dMMR = 62862-8
biomarker: TMB 12 mut/Mb = 94076-7
biomarker: TMB-high (22 muts/Mb) = 94076-7
biomarker: LDH elevated = 2532-0
treatment: osimertinib 80 mg daily = DB09330
treatment: Tagrisso = DB09330
treatment: adjuvant trastuzumab = DB00072
treatment: T-DXd = DB14962
treatment: Taxol = 56946
treatment: 5-FU = DB00544
treatment: maintenance olaparib = DB09074
treatment: androgen deprivation therapy (leuprolide) = DB00007
treatment: surgery (lumpectomy) = 392021009
treatment: robotic radical prostatectomy = 26294005
treatment: right upper lobectomy = 173171007
treatment: external beam radiation = 33195004
treatment: radiation = 108290001
treatment: autologous stem cell transplant = 234336002
treatment: chemotherapy = 367336001
treatment: carboplatin AUC 5 = DB00958
treatment: tamibarotene 6 mg daily = DB04942
response: partial response = 268910001
response: PR = 268910001
response: CR = 103338009
response: stable disease = 359746009
response: disease progression = 271299001
response: initial partial response then progression = 271299001
response: progression after initial partial response = 271299001
response: partial response to dabrafenib/trametinib = 268910001
response: NED = 550991000124107
response: no evidence of recurrence = 550991000124107
response: local recurrence = 271299001
response: not evaluable = 709137006
response: partial remission = 103337004
response: in full remission = 103338009
response: clinical remission = 268910001
""".strip().splitlines()
]

WITHOUT_CODE = [
    "cancer_type: no melanoma",
    "cancer_type: melanoma or lymphoma",
    "cancer_type: high grade",
    "metastasis_site: none",
    "metastasis_site: no distant metastasis",
    "metastasis_site: brain and bone",
    "metastasis_site: left",
    "metastasis_site: pleural effusion",
    "stage: metastatic",
    "stage: pT2N1M0",
    "stage: limited stage",
    "stage: I/II",
    "gene_mutation: met with the patient",
    "gene_mutation: EGFR and KRAS mutations",
    "gene_mutation: T790M",
    "biomarker: triple negative",
    "biomarker: ER+/PR+",
    "biomarker: ER not tested",
    "biomarker: ER not positive",
    "biomarker: PD-L1 1-5%",
    "biomarker: PD-L1 CPS 20",
    "biomarker: HRD-positive",
    "treatment: no chemotherapy",
    "treatment: aspirin",
    "treatment: interferon",
    "treatment: carboplatin and paclitaxel",
    "treatment: lazertinib",
    "response: no response",
    "response: mixed response",
    "response: progression of diabetes",
]


@pytest.mark.parametrize(("wording", "expected"), WORDINGS)
def test_a_wording_means_its_code(tables: Tables, wording: str, expected: str) -> None:
    field, value = wording.split(": ", 1)
    main = code(field, value, tables).main
    assert main is not None
    assert main.code == expected


@pytest.mark.parametrize("wording", WITHOUT_CODE)
def test_what_has_no_one_code_gets_none(tables: Tables, wording: str) -> None:
    field, value = wording.split(": ", 1)
    assert code(field, value, tables).main is None


def test_there_are_enough_wordings() -> None:
    assert len(WORDINGS) >= 120


@given(st.sampled_from(FIELDS), st.text(max_size=60), st.none() | st.text(max_size=30))
def test_any_text_gives_a_concept(field: str, value: str, evidence: str | None) -> None:
    concept = code(field, value, TABLES, evidence=evidence)
    assert concept.key
    assert concept.match != "none" or not concept.codings


@given(
    st.sampled_from(FIELDS), st.lists(st.from_regex(r"[b-df-hj-np-tv-z]{6,9}", fullmatch=True), min_size=1, max_size=4)
)
def test_random_words_get_no_code(field: str, value: list[str]) -> None:
    assert code(field, " ".join(value), TABLES).match == "none"


@given(st.sampled_from(WORDINGS), st.from_regex(r"[b-df-hj-np-tv-z]{6,9}", fullmatch=True), st.booleans())
def test_an_unknown_word_beside_a_known_wording_is_not_overlooked(wording: list[str], word: str, before: bool) -> None:
    field, value = wording[0].split(": ", 1)
    changed = f"{word} {value}" if before else f"{value} {word}"
    assert code(field, changed, TABLES).main is None


@given(
    st.sampled_from(WORDINGS), st.sampled_from([str.upper, str.lower, str.title]), st.sampled_from(["", " ", "  \t"])
)
def test_case_and_outer_space_make_no_difference(wording: list[str], case, space: str) -> None:
    field, value = wording[0].split(": ", 1)
    assert code(field, space + case(value) + space, TABLES).key == code(field, value, TABLES).key


def test_every_wording_of_a_table_reaches_its_own_row(tables: Tables) -> None:
    of_field = {
        "cancer_type": "cancers",
        "metastasis_site": "metastatic_sites",
        "response": "responses",
        "treatment": "treatments",
    }
    for field, name in of_field.items():
        for entry in tables[name].entries.values():
            for wording in (entry.name, *entry.synonyms) if "laterality" not in entry.codings else ():
                written = wording.upper() if field == "treatment" else wording  # RT, and not rt
                reached = None if entry.kind == "supportive" else entry.row
                assert code(field, written, tables).row == reached, wording


def test_every_gene_is_reached_by_its_symbol(tables: Tables) -> None:
    for entry in tables["genes"].entries.values():
        assert code("gene_mutation", f"{entry.name} mutation", tables).codings["gene"] == entry.codings["gene"]


def test_a_passage_is_no_term(tables: Tables) -> None:
    assert code("cancer_type", "lung cancer " * (MAX_CHARACTERS // 8), tables).match == "none"


def test_a_field_of_another_task_is_looked_up_in_its_own_table(tables: Tables) -> None:
    assert code("responses", "pCR", tables).row == "responses:pathologic-complete-response"
    assert code("ejection_fraction", "55%", tables).key == "text|55%"


def test_the_key_of_uncoded_text_forgets_case_and_space() -> None:
    assert code("cancer_type", " Odd   Tumour ", TABLES).key == code("cancer_type", "odd tumor", TABLES).key
    assert words("odd tumor") == ["odd", "tumor"]
