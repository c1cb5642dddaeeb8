"""Where each resource of a Bundle stands once it is written."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from medie_fhir.adapters.full_urls import with_full_urls
from medie_fhir.model import Json

BASE = "https://fhir.example.org/r4"


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def put(url: str, **more: Any) -> Json:
    return {"resource": {"resourceType": "Condition", "id": "c1"}, "request": {"method": "PUT", "url": url, **more}}


def test_what_is_put_under_an_id_has_the_address_that_it_will_have() -> None:
    sent = with_full_urls(bundle(put("Condition/c1"), put("Device/d1", ifMatch='W/"1"')), BASE + "/")
    assert [entry["fullUrl"] for entry in sent["entry"]] == [f"{BASE}/Condition/c1", f"{BASE}/Device/d1"]


def test_nothing_else_of_the_bundle_is_touched() -> None:
    given = bundle(put("Condition/c1", ifMatch='W/"1"'))
    before = copy.deepcopy(given)
    (entry,) = with_full_urls(given, BASE)["entry"]
    entry.pop("fullUrl")
    assert [entry] == before["entry"]
    assert given == before


@pytest.mark.parametrize(
    "entry",
    [
        put("Condition?identifier=a|b"),
        {"fullUrl": "urn:uuid:1", **put("Condition/c1")},
        {"resource": {}, "request": {"method": "POST", "url": "Condition"}},
        {"request": {"method": "DELETE", "url": "Condition/c1"}},
        {"request": {"method": "GET", "url": "Condition/c1"}},
    ],
)
def test_an_entry_whose_place_is_not_known_or_already_told_stays(entry: Json) -> None:
    assert with_full_urls(bundle(entry), BASE)["entry"] == [entry]


def test_an_empty_bundle_gets_no_empty_list() -> None:
    assert with_full_urls({"resourceType": "Bundle", "type": "transaction"}, BASE) == {
        "resourceType": "Bundle",
        "type": "transaction",
    }


def test_a_password_in_the_address_is_not_sent_in_a_bundle() -> None:
    (entry,) = with_full_urls(bundle(put("Condition/c1")), "https://me:secret@fhir.example.org/r4")["entry"]
    assert entry["fullUrl"] == f"{BASE}/Condition/c1"
