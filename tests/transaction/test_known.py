"""An identifier names the one document that we know to have it, and else nothing."""

import pytest

from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.identity import BASE
from medie_fhir.transaction.known import identifier_token, named_by

NAMED = DocumentInfo(reference="urn:ehr|A", source="ward")


def copy(key: str) -> Json:
    return {"identifier": [{"system": "urn:ehr", "value": "A"}, {"system": f"{BASE}/document", "value": key}]}


@pytest.mark.parametrize(
    ("reference", "token"),
    [
        ("DocumentReference/1", None),
        ("https://a.example/DocumentReference/1", None),
        ("urn:ehr|A", "urn:ehr|A"),
        ("|A", "|A"),
        ("urn:ehr|A,$\\", "urn:ehr|A\\,\\$\\\\"),
        ("a|b|c", "a\\|b|c"),
    ],
)
def test_a_token_is_of_an_identifier_and_escaped(reference: str, token: str | None) -> None:
    assert identifier_token(DocumentInfo(reference=reference)) == token


@pytest.mark.parametrize(
    ("keys", "reference"),
    [
        ([], "urn:ehr|A"),
        (["ward|DocumentReference/1"], "DocumentReference/1"),
        (["ward|DocumentReference/1", "ward|DocumentReference/2"], "urn:ehr|A"),
        (["other|DocumentReference/1"], "urn:ehr|A"),
        (["ward|urn:ehr|A"], "urn:ehr|A"),
    ],
)
def test_only_the_one_that_has_it_is_named(keys: list[str], reference: str) -> None:
    assert named_by(map(copy, keys), NAMED) == reference


def test_what_is_no_copy_of_ours_says_nothing() -> None:
    theirs = {"id": "x", "identifier": [{"system": "urn:ehr", "value": "A"}]}
    assert named_by([theirs], NAMED) == "urn:ehr|A"


@pytest.mark.parametrize(
    ("masters", "reference"),
    [
        (["A"], "DocumentReference/A0"),
        (["B"], "urn:ehr|A"),
        (["A", "A"], "urn:ehr|A"),
        (["A", "B"], "DocumentReference/A0"),
    ],
)
def test_where_the_target_holds_the_originals_the_only_one_that_has_it_is_named(
    masters: list[str], reference: str
) -> None:
    held = [
        {"id": f"{value}{n}", "masterIdentifier": {"system": "urn:ehr", "value": value}}
        for n, value in enumerate(masters)
    ]
    assert named_by(held, NAMED, originals=True) == reference
