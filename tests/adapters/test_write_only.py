"""What targets have in common that only take in."""

from __future__ import annotations

import pytest

from medie_fhir.adapters.write_only import compact, entries_of, unguarded
from medie_fhir.errors import FhirRejected
from medie_fhir.transaction import transaction

SAID = "Sophonisba"


def test_without_its_guards_a_bundle_is_otherwise_the_same() -> None:
    bundle = transaction([{"resourceType": "Condition", "id": "c"}])
    guarded = transaction([{"resourceType": "Condition", "id": "c"}])
    guarded["entry"][0]["request"]["ifMatch"] = 'W/"3"'

    assert unguarded(guarded) == bundle
    assert guarded != bundle


def test_entries_are_puts_under_the_ids_of_their_resources() -> None:
    bundle = transaction([{"resourceType": "Condition", "id": "c"}])
    assert list(entries_of(bundle, "testing")) == [("Condition/c", {"resourceType": "Condition", "id": "c"})]

    bundle["entry"][0]["request"]["url"] = f"Condition/{SAID}"
    with pytest.raises(FhirRejected, match=r"testing: Bundle.entry\[0\]") as told:
        list(entries_of(bundle, "testing"))
    assert SAID not in str(told.value)


def test_the_same_content_is_the_same_line() -> None:
    assert compact({"b": "ä\n", "a": 1}, "testing") == '{"a":1,"b":"ä\\n"}'.encode()
    assert compact({"a": 1, "b": 2}, "testing") == compact({"b": 2, "a": 1}, "testing")
