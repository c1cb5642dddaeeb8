"""Pages of a search or a history, apart from any connection. The way over HTTP: test_fhir_http_answers.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_pages import matches, next_link, versions, whole
from medie_fhir.errors import FhirAnswerInvalid, Policy
from medie_fhir.model import Json

PATIENT: Json = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "1"}}

scalars = st.sampled_from([None, 1, "", "x", "next", "match", "Patient", [], {}])
names = st.sampled_from(["resource", "search", "mode", "resourceType", "id", "meta", "versionId", "relation", "url"])
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3))


@given(st.fixed_dictionaries({}, optional={"entry": anything, "link": anything}))
def test_of_any_json_whatever_is_given_can_be_relied_on(page: Json) -> None:
    for found in (matches, versions):
        with suppress(FhirAnswerInvalid):
            for resource in found(page, "testing"):
                assert resource["resourceType"]
                assert resource["id"]
                assert isinstance(resource.get("meta", {}).get("versionId", ""), str)
    with suppress(FhirAnswerInvalid):
        assert next_link(page, "testing") != ""


@pytest.mark.parametrize("bundle", [{}, {"entry": None, "link": None}, {"entry": [], "link": [{"url": 1}, {}]}])
def test_a_bundle_without_what_is_looked_for_has_none_of_it(bundle: Json) -> None:
    assert list(matches(bundle, "testing")) == []
    assert list(versions(bundle, "testing")) == []
    assert next_link(bundle, "testing") is None


@pytest.mark.parametrize("mode", ["include", "outcome"])
def test_what_is_no_match_is_passed_over(mode: str) -> None:
    page = {"entry": [{"resource": {"resourceType": "Patient"}, "search": {"mode": mode}}, {"resource": PATIENT}]}

    assert list(matches(page, "testing")) == [PATIENT]


def test_a_warning_is_no_match_though_it_is_not_marked_as_one() -> None:
    assert list(matches({"entry": [{"resource": {"resourceType": "OperationOutcome"}}]}, "testing")) == []


def test_a_deletion_is_no_version() -> None:
    page = {"entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}, {"resource": PATIENT}]}

    assert list(versions(page, "testing")) == [PATIENT]


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        (1, "an entry without a resource"),
        ([], "an entry without a resource"),
        ({"id": "p1"}, "a resource without resourceType"),
        ({"resourceType": 1, "id": "p1"}, "a resource without resourceType"),
        ({"resourceType": "Patient"}, "a resource without id"),
        ({"resourceType": "Patient", "id": ""}, "a resource without id"),
        ({"resourceType": "Patient", "id": 7}, "a resource without id"),
        ({**PATIENT, "meta": None}, "a resource whose meta is broken"),
        ({**PATIENT, "meta": [{}]}, "a resource whose meta is broken"),
        ({**PATIENT, "meta": {"versionId": 1}}, "a resource whose meta is broken"),
    ],
)
@pytest.mark.parametrize("found", [matches, versions])
def test_a_broken_resource_is_told_and_not_given(
    found: Callable[[Json, str], Any], resource: object, what: str
) -> None:
    with pytest.raises(FhirAnswerInvalid) as caught:
        list(found({"entry": [{"resource": PATIENT}, {"resource": resource}]}, "testing"))

    assert str(caught.value).startswith(f"testing: the answer holds {what}, ")
    assert "p1" not in str(caught.value)
    assert caught.value.policy is Policy.RETRY


def test_a_match_without_a_resource_is_not_taken_for_no_match() -> None:
    with pytest.raises(FhirAnswerInvalid, match="an entry without a resource"):
        list(matches({"entry": [{"fullUrl": "urn:uuid:1"}]}, "testing"))


@pytest.mark.parametrize("entry", [{}, "x", 1, [1], [None], [[]]])
def test_entries_that_are_no_list_of_objects_are_told(entry: object) -> None:
    for found in (matches, versions):
        with pytest.raises(FhirAnswerInvalid, match="entry that is no list of objects"):
            list(found({"entry": entry}, "testing"))


@pytest.mark.parametrize("link", [{"relation": "next", "url": "x"}, ["x"], [None]])
def test_links_that_are_no_list_of_objects_do_not_cut_a_search_short(link: object) -> None:
    with pytest.raises(FhirAnswerInvalid, match="link that is no list of objects"):
        next_link({"link": link}, "testing")


@pytest.mark.parametrize("url", [None, 1, "", []])
def test_a_next_page_without_a_url_does_not_cut_a_search_short(url: object) -> None:
    with pytest.raises(FhirAnswerInvalid, match="a link to the next page without a URL"):
        next_link({"link": [{"relation": "self"}, {"relation": "next", "url": url}]}, "testing")


def test_a_whole_resource_is_given_as_it_is() -> None:
    assert whole(PATIENT, "testing") is PATIENT
    assert whole({"resourceType": "Basic", "id": "b"}, "testing") == {"resourceType": "Basic", "id": "b"}
