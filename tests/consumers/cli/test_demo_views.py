"""What the demo shows of a resource."""

from __future__ import annotations

import pytest

from consumers.cli import demo_views
from medie_fhir.model import Json


def value(**elements: object) -> str:
    return demo_views._value(dict(elements))


def concept(text: str | None = None, *codings: Json) -> Json:
    return {"valueCodeableConcept": {"coding": list(codings)} | ({"text": text} if text else {})}


@pytest.mark.parametrize(
    ("components", "whole", "shown"),
    [
        ([concept(None, {"code": "1", "display": "cT2"}), concept("cN2b")], concept("cT2 cN2b"), "cT2 cN2b cT2 cN2b"),
        ([concept(None, {"code": "LA6683-2"})], {}, "LA6683-2"),
        ([{"valueQuantity": {"value": 3}}], concept("Present"), "Present"),
    ],
)
def test_components_are_shown_by_display_text_or_code_and_none_is_needed(
    components: list[Json], whole: Json, shown: str
) -> None:
    assert value(component=components, **whole) == shown
