"""Shapes of other FHIR versions are named, and odd extras of R4 senders are not taken for them."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import UnsupportedFhirVersion
from medie_fhir.event.version import refuse_other_versions

CODE = {"coding": [{"code": "x"}]}


@pytest.mark.parametrize(
    ("document", "version"),
    [
        ({"docStatus": CODE, "date": "2020"}, "STU3"),
        ({"indexed": "2020-01-01T00:00:00Z"}, "STU3"),
        ({"created": "2020-01-01T00:00:00Z"}, "STU3"),
        ({"class": CODE, "date": "2020"}, "STU3"),
        ({"content": [{"attachment": {}, "format": [{"system": "s", "code": "c"}]}]}, "DSTU2"),
        ({"relatesTo": [{"code": CODE, "target": {}}]}, "R5"),
        ({"context": [{"reference": "Encounter/1"}]}, "R5"),
        ({"context": [{"identifier": {"value": "1"}}]}, "R5"),
        ({"content": [{"attachment": {}, "profile": [{"valueUri": "urn:x"}]}]}, "R5"),
        ({"docStatus": "cancelled"}, "R5"),
        ({"docStatus": "deprecated"}, "R5"),
        ({"period": {"start": "2020"}}, "period, as in R5"),
        ({"facilityType": CODE}, "facilityType, as in R5"),
        ({"attester": [{"mode": CODE}]}, "attester, as in R5"),
    ],
)
def test_another_version_is_refused_by_name(document: dict[str, Any], version: str) -> None:
    with pytest.raises(UnsupportedFhirVersion, match=version):
        refuse_other_versions(document)


@pytest.mark.parametrize(
    "document",
    [
        {"date": "2020", "indexed": "2020", "created": "2020"},
        {"class": CODE, "category": [CODE]},
        {"class": "note"},
        {"date": "2020", "content": [{"format": [{"code": "c"}]}]},
        {"content": [{"format": [CODE]}]},
        {"content": [{"format": {"code": "c"}}]},
        {"content": [{"format": []}], "relatesTo": "x", "context": ["x"]},
        {"docStatus": "amended", "period": "2020", "event": ["x"], "modality": [], "version": "1", "bodySite": None},
        {"content": [{"profile": "urn:x"}], "context": {"period": {}, "event": [CODE], "facilityType": CODE}},
        {"docStatus": "final", "context": {"encounter": {"reference": "Encounter/1"}}},
    ],
)
def test_an_odd_extra_of_an_r4_sender_is_no_other_version(document: dict[str, Any]) -> None:
    try:
        refuse_other_versions(document)
    except UnsupportedFhirVersion as error:
        pytest.fail(f"taken for another version: {error}")
