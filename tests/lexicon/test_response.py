"""The course of a cancer, and of what else improves, recurs or is stable."""

from collections.abc import Callable

import pytest

Reading = Callable[[str, str], list[str]]

SEEN = [
    ("The lymphoma is in complete remission.", ["complete remission"]),
    ("CT shows a very good partial response of the cancer.", ["very good partial response"]),
    ("Best response was SD by RECIST after six cycles of chemotherapy for lung cancer.", ["SD"]),
    ("The cancer shows disease progression in the liver.", ["disease progression"]),
    ("Melanoma; she progressed on pembrolizumab.", ["progressed"]),
    ("Progressive metastatic disease of the breast cancer.", ["Progressive metastatic disease"]),
    ("Her cancer has recurred.", ["recurred"]),
    ("Local recurrence of the tumor in 2020.", ["Local recurrence of the tumor"]),
    ("No evidence of recurrent disease. Breast cancer.", ["No evidence of recurrent disease"]),
    ("There is no clinical evidence of recurrence of her cancer.", ["no clinical evidence of recurrence"]),
    ("Breast cancer, NED.", ["NED"]),
    ("The disease remains stable; sarcoma.", ["stable"]),
    ("Stable intracranial disease, melanoma.", ["Stable intracranial disease"]),
    ("Colon cancer; no residual tumor.", ["no residual tumor"]),
    ("Relapsed/refractory myeloma after three lines of therapy.", ["Relapsed/refractory"]),
    ("Leukemia in CR after induction.", ["CR"]),
    ("Breast cancer with pathologic complete response.", ["pathologic complete response"]),
    ("Thyroid cancer with recurrent disease in the neck on imaging.", ["recurrent disease"]),
    ("Colon cancer. CT: PD with new liver mets.", ["PD"]),
    ("Hodgkin lymphoma; CR after 2 cycles of ABVD.", ["CR"]),
    ("The lymphoma responded well to bendamustine.", ["responded well"]),
    ("Restaging of the breast cancer: stable dz.", ["stable dz"]),
    ("Partial remission (PR) of the follicular lymphoma.", ["Partial remission (PR)"]),
    ("Breast cancer, pathologic complete response (no residual carcinoma).", ["pathologic complete response"]),
    ("Ovarian ca in complete remission.", ["complete remission"]),
    ("Glioblastoma; no residual enhancing tumour.", ["no residual enhancing tumour"]),
]

NOT_SEEN = [
    "The patient is stable.",
    "The pain has improved on morphine. Lung cancer.",
    "Pneumonia with partial response to antibiotics; lung cancer.",
    "Chemotherapy to prevent recurrence of the cancer.",
    "The risk of relapse of the lymphoma is high.",
    "Nivolumab until progression; melanoma.",
    "The progression-free survival in lung cancer is short.",
    "Breast cancer: ER 90 %, PR 80 %.",
    "Lung cancer, PD-L1 50 %.",
    "Recurrence of the inguinal hernia; prostate cancer.",
    "Crohn's disease in remission; skin cancer.",
    "His PR interval is long. Colon cancer.",
    "The recurrence score of the breast cancer was 12.",
    "Breast cancer; disease-free survival was explained.",
    "Margins are free of disease; carcinoma.",
    "Progression of her dementia; breast cancer.",
    "Diabetes in remission.",
    "Atrial fibrillation with recurrence on CT of a patient with cancer.",
    "The pneumonia responded well to ceftriaxone. Lung cancer.",
    "Pseudoprogression; glioblastoma.",
]


@pytest.mark.parametrize(("text", "values"), SEEN)
def test_response_is_seen(seen: Reading, text: str, values: list[str]) -> None:
    assert seen("response", text) == values


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_only_looks_like_response_is_not_seen(seen: Reading, text: str) -> None:
    assert seen("response", text) == []
