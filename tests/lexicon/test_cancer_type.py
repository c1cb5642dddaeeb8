"""Cancers as clinicians name them, and what is named beside them."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    ("She has invasive ductal carcinoma of the right breast.", ["invasive ductal carcinoma of the right breast"]),
    ("Carcinoma of the cervix, treated with radiation.", ["Carcinoma of the cervix"]),
    ("PROSTATE, NEEDLE BIOPSY: ADENOCARCINOMA, GLEASON 3+4.", ["ADENOCARCINOMA"]),
    ("Biopsy of the omentum showed metastatic carcinoma.", ["carcinoma"]),
    ("Adenocarcinoma was found; the colonoscopy confirmed colon cancer.", ["colon cancer"]),
    ("Cancer of the left breast in 2019.", ["Cancer of the left breast"]),
    ("1. Squamous cell carcinoma of the tongue.", ["Squamous cell carcinoma of the tongue"]),
    ("CLL, on observation.", ["CLL"]),
    ("Left lung adenocarcinoma, stage IV.", ["Left lung adenocarcinoma"]),
    ("Glioblastoma of the right temporal lobe.", ["Glioblastoma"]),
    ("Adenocarcinoma of the pancreas with jaundice.", ["Adenocarcinoma of the pancreas"]),
    ("Multiple myeloma since 2020 and early prostate cancer.", ["Multiple myeloma", "prostate cancer"]),
    ("Prostate ca, on treatment.", ["Prostate ca"]),
    ("Ca breast with pain.", ["Ca breast"]),
    ("CA of the prostate was confirmed.", ["CA of the prostate"]),
    ("Squamous cell ca of the lung.", ["Squamous cell ca of the lung"]),
    ("IDC of the left breast was found.", ["IDC of the left breast"]),
    ("Malignant neoplasm of breast. Secondary malignant neoplasm of colon.", ["Malignant neoplasm of breast"]),
]

NOT_SEEN = [
    "Tubular adenoma of the colon was removed.",
    "Diltiazem HCL and a PCA pump were given.",
    "The MCL of the left knee is torn.",
    "Lipoma of the back; a fibroadenoma of the breast.",
    "MGUS is followed.",
    "She came for breast cancer screening.",
    "Stains for the melanoma marker HMB-45 were done.",
    "He has a tumor of uncertain nature.",
    "Pain in ALL FOUR LIMBS.",
    "The American Cancer Society was named.",
    "Peritoneal carcinomatosis.",
    "The breast cancer risk was discussed.",
    "In patients with prostate cancer this drug is used.",
    "Renal Ca 9.2, thyroid ca normal.",
    "She fears breast cancer.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_cancer_type_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("cancer_type", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_cancer_type_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("cancer_type", text) == []
