"""Treatments of a cancer, and the same drugs and operations for something else."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    (
        "She has breast cancer and was treated with doxorubicin, cyclophosphamide and paclitaxel.",
        ["doxorubicin", "cyclophosphamide", "paclitaxel"],
    ),
    ("Lung cancer: she received Alimta with radiation to 60 Gy.", ["Alimta", "radiation"]),
    (
        "Prostate cancer s/p radical prostatectomy and salvage XRT; on Lupron.",
        ["radical prostatectomy", "XRT", "Lupron"],
    ),
    (
        "Breast cancer, status post left modified radical mastectomy and ALND.",
        ["left modified radical mastectomy", "ALND"],
    ),
    (
        "Lymphoma treated with R-CHOP, then autologous stem cell transplant.",
        ["R-CHOP", "autologous stem cell transplant"],
    ),
    ("Breast cancer: AC x4 followed by Taxol chemotherapy.", ["AC", "Taxol"]),
    ("Lung cancer treated with chemotherapy.", ["chemotherapy"]),
    ("Liver cancer: TACE and radiofrequency ablation.", ["TACE", "radiofrequency ablation"]),
    (
        "Rectal cancer treated with chemoradiation and low anterior resection.",
        ["chemoradiation", "low anterior resection"],
    ),
    ("Bladder cancer: TURBT and intravesical BCG.", ["TURBT", "intravesical BCG"]),
    (
        "Thyroid cancer: total thyroidectomy and radioactive iodine ablation.",
        ["total thyroidectomy", "radioactive iodine ablation"],
    ),
    ("Breast cancer on tamoxifen; dexamethasone for nausea.", ["tamoxifen"]),
    ("Sarcoma; wide local excision was done.", ["wide local excision"]),
    ("Colon cancer: she was given 5-fluoro-uracil.", ["5-fluoro-uracil"]),
    ("Cervical cancer; she was irradiated.", ["irradiated"]),
    ("The pelvis was radiated (45 Gy) for rectal cancer.", ["radiated"]),
    ("Prostate cancer: RALP in 2019.", ["RALP"]),
    ("Breast cancer, treated with a left MRM.", ["left MRM"]),
    ("Ovarian cancer treated with carbo/taxol x6.", ["carbo", "taxol"]),
    ("Multiple myeloma; autologous SCT.", ["autologous SCT"]),
]

NOT_SEEN = [
    "Breast cancer. She takes methotrexate for rheumatoid arthritis.",
    "Breast cancer. Hysterectomy for fibroids.",
    "Breast cancer. Allergies: carboplatin.",
    "Colon cancer. We will start FOLFOX on Monday.",
    "Colon cancer. I recommend adjuvant capecitabine.",
    "Colon cancer. We discussed oxaliplatin.",
    "Colon cancer. She is a candidate for irinotecan.",
    "Colon cancer. She is scheduled for hemicolectomy next week.",
    "Colon cancer. The plan is for cetuximab.",
    "Colon cancer. She declined regorafenib.",
    "Colon cancer. Consider nivolumab.",
    "Rheumatoid arthritis on methotrexate; hysterectomy in 1990.",
    "Lung cancer. Pain with radiation to the left arm.",
    "Colon cancer. Cholecystectomy for gallstones.",
    "Colon cancer. Port-A-Cath placement for chemotherapy.",
    "Lung cancer; wound VAC; PCI to the LAD; CRT device.",
    "She had a mastectomy.",
    "Lung cancer with radiation pneumonitis.",
    "Lung cancer; the pain radiated to the left arm.",
    "Leukemia; irradiated platelets were given.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_treatment_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("treatment", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_treatment_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("treatment", text) == []
