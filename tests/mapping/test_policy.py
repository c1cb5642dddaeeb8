"""What may be written, and why not."""

import pytest

from medie_fhir.mapping import FieldPolicy, judge
from medie_fhir.model import Alignment, Assertion, Coding, Concept, Evidence, Experiencer, Fact

FOUND = (Evidence(start=0, end=5, text="liver"),)
CODED = Concept("k", {"code": (Coding(system="s", code="c"),)}, match="exact")
FACT = Fact(field="f", value="liver", evidence=FOUND, alignment=Alignment.EXACT, confidence=0.8, readers=("model",))


@pytest.mark.parametrize(
    ("change", "policy", "reason"),
    [
        ({}, FieldPolicy(), None),
        (
            {"alignment": Alignment.NONE, "evidence": ()},
            FieldPolicy(minimal_alignment=Alignment.NONE),
            "not found in the note",
        ),
        ({"assertion": Assertion.ABSENT}, FieldPolicy(), "asserted absent"),
        ({"assertion": Assertion.PLANNED}, FieldPolicy(), "asserted planned"),
        ({"assertion": Assertion.HISTORICAL}, FieldPolicy(assertions=(Assertion.PRESENT, Assertion.HISTORICAL)), None),
        ({"experiencer": Experiencer.FAMILY}, FieldPolicy(), "said of family"),
        ({"alignment": Alignment.FUZZY}, FieldPolicy(), None),
        ({"alignment": Alignment.FUZZY}, FieldPolicy(minimal_alignment=Alignment.NORMALISED), "alignment fuzzy"),
        ({"confidence": 0.4}, FieldPolicy(minimal_confidence=0.5), "confidence too low"),
        ({"confidence": None}, FieldPolicy(minimal_confidence=0.1), "confidence too low"),
        ({"confidence": None}, FieldPolicy(), None),
        ({"readers": ("lexical",)}, FieldPolicy(readers=("model",)), "reader not trusted for this field"),
    ],
)
def test_a_fact_is_written_only_where_policy_lets_it(
    change: dict[str, object], policy: FieldPolicy, reason: str | None
) -> None:
    assert judge(FACT.model_copy(update=change), CODED, policy) == reason


def test_a_value_that_no_table_knows_is_text_unless_policy_says_otherwise() -> None:
    assert judge(FACT, Concept("text|liver"), FieldPolicy()) is None
    assert judge(FACT, Concept("text|liver"), FieldPolicy(uncoded=False)) == "no table knows it"
    assert judge(FACT, Concept("text|fusion", match="rule"), FieldPolicy(uncoded=False)) is None
