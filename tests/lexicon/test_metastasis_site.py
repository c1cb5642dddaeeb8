"""Where a cancer has spread, and where it only is, grows into, or was looked for."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    ("Lung cancer with liver, adrenal and bone metastases.", ["liver", "adrenal", "bone"]),
    ("Breast cancer metastatic to the left femur and liver.", ["left femur", "liver"]),
    ("The melanoma has spread to his lungs.", ["lungs"]),
    ("Colon cancer with hepatic mets.", ["hepatic"]),
    ("Metastatic disease of the thoracic spine.", ["thoracic spine"]),
    ("Sites of metastasis: brain, ribs.", ["brain", "ribs"]),
    ("Metastatic liver lesions were stable.", ["liver"]),
    ("Metastatic axillary lymph nodes were removed.", ["axillary lymph nodes"]),
    ("Metastatic papillary carcinoma, left neck.", ["left neck"]),
    ("LYMPH NODES, LEFT NECK, EXCISION: METASTATIC CARCINOMA.", ["LYMPH NODES, LEFT NECK"]),
    ("Carcinoma; 2/15 nodes positive.", ["nodes"]),
    ("Carcinoma in three (3) of twelve (12) lymph nodes.", ["lymph nodes"]),
    ("Three axillary nodes were positive for carcinoma.", ["axillary nodes"]),
    ("Number of lymph nodes involved: 2. Carcinoma.", ["lymph nodes"]),
    ("Liver biopsy showed metastatic adenocarcinoma.", ["Liver"]),
    ("Brain MRI showed two small metastases.", ["Brain"]),
    ("Liver and splenic lesions, compatible with metastases.", ["Liver", "splenic"]),
    ("Ovarian carcinoma with omental caking and peritoneal implants.", ["omental caking", "peritoneal implants"]),
    ("Lung cancer with a malignant pleural effusion.", ["malignant pleural effusion"]),
    ("Metastatic melanoma with bilateral pulmonary nodules.", ["bilateral pulmonary"]),
    ("Stage IV colon cancer with lesions in the liver.", ["liver"]),
    ("The omentum was positive for metastatic carcinoma.", ["omentum"]),
    ("Secondary malignant neoplasm of liver.", ["liver"]),
    ("Secondary malignant neoplasm of bone and bone marrow.", ["bone", "bone marrow"]),
    ("Metastatic breast cancer (bone, liver).", ["bone", "liver"]),
    ("Metastases to liver, lungs and retroperitoneal lymph nodes.", ["liver", "lungs", "retroperitoneal lymph nodes"]),
]

NOT_SEEN = [
    "Metastatic prostate cancer.",
    "Metastatic cancer of the breast on letrozole.",
    "Metastatic breast disease.",
    "No metastases to the liver or lung. Colon cancer.",
    "Colon cancer; evaluate for metastases to the brain.",
    "The bladder carcinoma invades the prostate.",
    "Carcinoma; 0/15 nodes positive.",
    "Carcinoma. Lymph nodes, axillary: negative (0/12).",
    "Number of lymph nodes involved: 0. Carcinoma.",
    "Two of 3 nodes were negative; carcinoma of the colon.",
    "Breast cancer; the liver and lungs are clear.",
    "The cellulitis spread to the neck.",
    "Metastatic melanoma was discussed in the skin clinic.",
    "Breast implants were placed after carcinoma.",
    "Metastatic lung cancer with several pulmonary nodules.",
    "Metastatic colon cancer; liver cysts and benign liver lesions.",
    "Metastatic colon cancer with pelvic pain.",
    "A lung mass and no more was seen.",
    "Liver secondaries are not seen; colon cancer.",
    "Metastases on CT abdomen; colon cancer.",
    "Stage IV lung adenocarcinoma with multiple pulmonary nodules.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_metastasis_site_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("metastasis_site", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_metastasis_site_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("metastasis_site", text) == []
