"""Markers with their results, and what shares their letters."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    (
        "Breast cancer, ER positive, PR negative, HER2/neu: negative.",
        ["ER positive", "PR negative", "HER2/neu: negative"],
    ),
    ("ER+/PR+ breast cancer.", ["ER+", "PR+"]),
    ("ER/PR positive breast cancer.", ["ER positive", "PR positive"]),
    ("Breast cancer: ER, PR and HER2 were all negative.", ["ER negative", "PR negative", "HER2 negative"]),
    ("Breast cancer, positive for ER.", ["positive for ER"]),
    ("Breast cancer, ER 90%, PR 20%, HER2 3+ by IHC.", ["ER 90%", "PR 20%", "HER2 3+ by IHC"]),
    ("Breast cancer, HER2 amplified by FISH.", ["HER2 amplified by FISH"]),
    ("Triple negative breast cancer.", ["Triple negative"]),
    ("Lung cancer, PD-L1 TPS 60%.", ["PD-L1 TPS 60%"]),
    ("Lung cancer, PD-L1 tumor proportion score reported at 20%.", ["PD-L1 tumor proportion score 20%"]),
    ("Gastric cancer, PD-L1 CPS of 10.", ["PD-L1 CPS 10"]),
    ("Breast cancer, Ki-67 proliferation index of 30%.", ["Ki-67 30%"]),
    ("Colon cancer, MSI-H and dMMR.", ["MSI-H", "dMMR"]),
    ("Colon cancer, microsatellite stable.", ["microsatellite stable"]),
    ("Colon cancer with loss of MLH1 and PMS2.", ["loss of MLH1 and PMS2"]),
    ("Melanoma, TMB-high (22 mut/Mb).", ["TMB-high (22 mut/Mb)"]),
    ("Glioblastoma, MGMT promoter methylated.", ["MGMT promoter methylated"]),
    ("Throat carcinoma, p16 positive.", ["p16 positive"]),
    ("Prostate cancer, PSA of 12.2, then PSA 0.04 ng/mL.", ["PSA 12.2", "PSA 0.04 ng/mL"]),
    ("Pancreatic cancer, CA 19-9 of 1,250 U/mL.", ["CA 19-9 1,250 U/mL"]),
    ("Colon cancer with elevated CEA.", ["elevated CEA"]),
    ("Ovarian cancer, and her CA-125 normalized.", ["CA-125 normalized"]),
    ("Ovarian cancer, HRD-positive.", ["HRD-positive"]),
    ("Lung adenocarcinoma. PD-L1 tumor proportion score 80%.", ["PD-L1 tumor proportion score 80%"]),
    ("Gastric cancer; combined positive score (CPS): 15.", ["combined positive score (CPS) 15"]),
    ("Prostate cancer; PSA on 3/4/2010 was 5.6.", ["PSA 5.6"]),
    ("Prostate cancer. PSA 03/2021: 4.2 ng/mL.", ["PSA 4.2 ng/mL"]),
    ("Prostate cancer. PSA rose from 2.1 to 8.4 ng/ml.", ["PSA 8.4 ng/ml"]),
    ("Ovarian cancer; CA-125 on admission was 1,250 U/mL.", ["CA-125 1,250 U/mL"]),
    ("Pancreatic cancer. Ca 19.9 was 340.", ["Ca 19.9 340"]),
    ("HR+/HER2- metastatic breast cancer.", ["HR+", "HER2-"]),
    ("HER2 low (IHC 1+) metastatic breast cancer.", ["HER2 low"]),
    ("Breast carcinoma. HER-2: Negative (1+).", ["HER-2: Negative"]),
    ("Endometrial cancer with MLH1 promoter hypermethylation.", ["MLH1 promoter hypermethylation"]),
    ("Colon cancer with loss of PMS2.", ["loss of PMS2"]),
    ("Colon cancer, loss of immunostaining for MSH6.", ["loss of MSH6"]),
    ("Chronic myeloid leukaemia: BCR-ABL1 0.04% IS.", ["BCR-ABL1 0.04% IS"]),
    ("Melanoma with a high tumor mutational burden (TMB-high).", ["high tumor mutational burden (TMB-high)"]),
    ("Colon cancer, dMMR with loss of PMS2.", ["dMMR"]),
]

NOT_SEEN = [
    "Lung cancer, seen in the ER - positive for chest pain.",
    "Lung cancer; PR interval 160 ms.",
    "Lung cancer; AR 2+, PR 1+, mitral regurgitation.",
    "Lung cancer; alkaline phosphatase 120.",
    "Breast cancer, HER2 status unknown.",
    "Breast cancer treated with HER2-targeted therapy.",
    "Prostate cancer, last PSA 3 months ago.",
    "Prostate cancer, PSA in 2010.",
    "PSA 4.5.",
    "Lung cancer, PD-L1 testing was sent.",
    "Breast cancer; HER2 low grade.",
    "Prostate cancer; PSA was drawn on 3/4/2010.",
    "Colon cancer; loss of appetite.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_biomarker_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("biomarker", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_biomarker_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("biomarker", text) == []
