"""What looks like a term and is none, or is another one: no code, or the right one.

A symbol that HGNC approves today is that gene's, though it was another's once; one that was approved is the gene's that
had it, though it is another's alias (``MLL2``: KMT2D had it, of KMT2B it is an alias).
"""

from __future__ import annotations

import pytest

from medie_fhir.coding import Tables, code

# field: value. None of these says what the word that it holds would be coded as.
NO_TERM = """
gene_mutation: met
gene_mutation: Met with oncology
gene_mutation: bone mets
gene_mutation: eGFR
gene_mutation: kit
gene_mutation: max
gene_mutation: ALL
gene_mutation: WAS
gene_mutation: REST
gene_mutation: CAT scan
gene_mutation: MRI
gene_mutation: TNM
gene_mutation: ALT
gene_mutation: COPD
gene_mutation: IMPACT
gene_mutation: PTH
gene_mutation: CRP detected
gene_mutation: CHOP
gene_mutation: TACE
gene_mutation: PCI
gene_mutation: MTC
gene_mutation: ARF
gene_mutation: TEL
gene_mutation: FAT
gene_mutation: TRT
gene_mutation: dup
gene_mutation: alk phos elevated
gene_mutation: Ki-67 positive
gene_mutation: TTF-1
gene_mutation: CK7
gene_mutation: CD34
gene_mutation: EGFR inhibitor
gene_mutation: AKT
gene_mutation: PDGFR
gene_mutation: AP-1
gene_mutation: p120 mutation
gene_mutation: KRAS G12X
gene_mutation: BRAF p.V600X
gene_mutation: EGFR G719X mutation
gene_mutation: met T12
cancer_type: all
cancer_type: ALL
cancer_type: CA
cancer_type: MM
cancer_type: NK
cancer_type: PV
cancer_type: PE
cancer_type: MS
cancer_type: mole
cancer_type: Hodgkin's
cancer_type: non small cell
cancer_type: small cell
cancer_type: ductal carcinoma
cancer_type: infiltrating ductal adenocarcinoma
cancer_type: non-melanoma skin cancer
cancer_type: lung metastases
cancer_type: metastatic adenocarcinoma to the liver
cancer_type: breast cancer metastatic to bone
cancer_type: lung cancer screening
cancer_type: family history of breast cancer
cancer_type: breast cancer (ruled out)
cancer_type: cervical lymphoma
biomarker: ER
biomarker: PR
biomarker: AR
biomarker: ER visit
biomarker: PR interval
biomarker: CA
biomarker: CA 9.8 mg/dL
biomarker: Her 2 new lesions
biomarker: PSA doubling time 3 months
biomarker: free PSA 10%
biomarker: NK cells positive
biomarker: HER2 pending
biomarker: MSI-H not detected
biomarker: ER 110%
biomarker: Ki-67 130 %
biomarker: Ki-67 2,5%
biomarker: Ki-67 -5%
biomarker: Ki-67 20-30%
biomarker: PD-L1 50% (CPS)
biomarker: PD-L1 80% TPS, CPS 90
biomarker: CA-125 12.000 U/mL
biomarker: HR 80 bpm
stage: stage IV pressure ulcer
stage: grade 3 neuropathy
stage: CKD stage 3
stage: NYHA class IV
stage: T12
stage: T2 weighted
stage: IV fluids
stage: N95
stage: phase III
stage: ISS stage II
stage: stage III or IV
stage: end-stage renal disease
stage: Class III obesity
treatment: act
treatment: Act
treatment: ice
treatment: chop
treatment: rt
treatment: rt mastectomy
treatment: MET
treatment: metformin
treatment: CT scan
treatment: no chemotherapy
treatment: chemo-naive
treatment: cisplatin (allergy)
treatment: kidney transplant
treatment: hormone replacement therapy
treatment: plastic surgery
treatment: TC
treatment: AI
treatment: PCI
treatment: CAP
treatment: IV
metastasis_site: cervical
metastasis_site: lobe
metastasis_site: N1
metastasis_site: liver cyst
metastasis_site: liver or spleen
metastasis_site: liver (ruled out)
metastasis_site: pleural effusion
metastasis_site: node-negative
metastasis_site: possible liver
metastasis_site: liver, possible
metastasis_site: brain (leptomeningeal)
metastasis_site: thorax
metastasis_site: carcinomatosis
metastasis_site: cranial
response: stable vital signs
response: progressive weakness
response: immune response
response: no response
response: progression or pseudoprogression
response: progression-free survival
response: remission of depression
response: disease control
response: PR positive
response: possible progression
"""
ANOTHER = """
gene_mutation: Her 2 amplification = HGNC:3430
gene_mutation: MET amplification = HGNC:7029
gene_mutation: met exon 14 skipping = HGNC:7029
gene_mutation: eGFR L858R = HGNC:3236
cancer_type: non Hodgkin's lymphoma = 118601006
cancer_type: Hodgkin's lymphoma = 118599009
cancer_type: metastatic lung cancer = 363358000
biomarker: Her 2 positive = 48676-1
biomarker: CA 125 elevated = 10334-1
treatment: RT = 108290001
metastasis_site: cervical spine = 94602001
metastasis_site: cervical lymphadenopathy = 94397007
metastasis_site: level 2 cervical lymph nodes = 94397007
metastasis_site: axillary region = 128462008
response: PR = 268910001
gene_mutation: CAP1 mutation = HGNC:20040
gene_mutation: MLL2 = HGNC:7133
gene_mutation: BACH1 mutation = HGNC:935
gene_mutation: OPA1 mutation = HGNC:8140
gene_mutation: EZH1 mutation = HGNC:3526
gene_mutation: c-MET amplification = HGNC:7029
gene_mutation: K-ras mutation G12D = HGNC:6407
cancer_type: lung cancer, left = 363358000
"""


def pairs(lines: str) -> list[list[str]]:
    return [line.split(": ", 1) for line in lines.strip().splitlines()]


@pytest.mark.parametrize(("field", "value"), pairs(NO_TERM))
def test_what_only_looks_like_a_term_gets_no_code(tables: Tables, field: str, value: str) -> None:
    assert code(field, value, tables).codings == {}


@pytest.mark.parametrize(("field", "value"), pairs(ANOTHER))
def test_what_collides_with_another_word_gets_the_code_of_its_field(tables: Tables, field: str, value: str) -> None:
    value, _, wanted = value.partition(" = ")
    found = code(field, value, tables).main
    assert found is not None
    assert found.code == wanted
