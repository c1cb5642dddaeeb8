"""Stages as clinicians write them, and what is staged besides a cancer."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    ("Clinical stage IIIA lung cancer.", ["Clinical stage IIIA"]),
    ("Lung cancer, Stage: IV.", ["Stage: IV"]),
    ("Breast cancer, staged as IIB.", ["staged as IIB"]),
    ("Lung cancer. Pathologic stage (AJCC 8th edition): IIB", ["Pathologic stage (AJCC 8th edition): IIB"]),
    ("Ovarian carcinoma, FIGO stage IC1.", ["FIGO stage IC1"]),
    ("Ovarian carcinoma, FIGO IIIC.", ["FIGO IIIC"]),
    ("Hodgkin lymphoma, Ann Arbor stage IVB.", ["Ann Arbor stage IVB"]),
    ("Chronic lymphocytic leukemia, Rai stage II, Binet B.", ["Rai stage II", "Binet B"]),
    ("Multiple myeloma, R-ISS III, Durie-Salmon IIIA.", ["R-ISS III", "Durie-Salmon IIIA"]),
    ("Colon cancer, Dukes' B2.", ["Dukes' B2"]),
    ("Hepatocellular carcinoma, BCLC B.", ["BCLC B"]),
    ("Limited-stage small cell lung cancer.", ["Limited-stage"]),
    ("Small cell lung cancer, extensive disease.", ["extensive disease"]),
    ("Stage IV B-cell lymphoma.", ["Stage IV"]),
    ("Breast carcinoma pT3b N0.", ["pT3b N0"]),
    ("Breast carcinoma, T2, N0, M0.", ["T2, N0, M0"]),
    ("Breast carcinoma ypT1c pN1a(sn) cM0.", ["ypT1c pN1a(sn) cM0"]),
    ("Renal cell carcinoma pT2 NO MX.", ["pT2 NO MX"]),
    ("Lung adenocarcinoma. Primary tumor: pT2a. Regional lymph nodes: pN1.", ["pT2a", "pN1"]),
    ("Prostate cancer, clinical stage T1c.", ["T1c"]),
    ("Breast cancer, stage IIA (T1c N1 M0).", ["stage IIA (T1c N1 M0)"]),
    ("Lung cancer; the clinical stage was documented as IIIA.", ["clinical stage IIIA"]),
    ("Breast cancer, clinical stage reported as IIB (cT2N1).", ["clinical stage IIB", "cT2N1"]),
    ("Prostate cancer cT1c (stage I).", ["cT1c (stage I)"]),
    ("Stage IIIA (pT2 pN1) lung cancer.", ["Stage IIIA (pT2 pN1)"]),
    ("Breast carcinoma pT1c, pN0 (0/3).", ["pT1c, pN0 (0/3)"]),
]

NOT_SEEN = [
    "Lung cancer, and CKD stage 3.",
    "Lung cancer, and stage 4 chronic kidney disease.",
    "Lung cancer, and a stage II sacral decubitus ulcer.",
    "Lung cancer. She reached stage 3 of the Bruce protocol.",
    "Lung cancer with end-stage renal disease.",
    "Glioma on T2-weighted images, T1 vertebra normal.",
    "Breast cancer; stage 1 of two-stage repair.",
    "Melanoma, Clark level IV, Breslow 1.2 mm.",
    "Stage II disease of the hip.",
    "Lung cancer; hypertension stage 2.",
    "Colon cancer; stage B heart failure.",
    "Breast carcinoma, grade 3.",
    "Lung cancer; ST elevation, St III murmur.",
    "Lung cancer; stage three periodontitis.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_stage_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("stage", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_stage_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("stage", text) == []
