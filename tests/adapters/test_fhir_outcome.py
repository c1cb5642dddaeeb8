"""Which entry an OperationOutcome is about, and that nothing else of it is told. More: test_fhir_answers.py."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_outcome import entry_name, outcome_of, resource_name, said
from medie_fhir.model import Json

C1, C2, OBS, PROV = (str(uuid.UUID(int=n)) for n in range(1, 5))


def put(kind: str, identity: str, **body: object) -> Json:
    return {
        "resource": {"resourceType": kind, "id": identity, **body},
        "request": {"method": "PUT", "url": f"{kind}/{identity}"},
    }


PATIENT = {"subject": {"reference": "Patient/p9"}}
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        put("Condition", C1, **PATIENT),
        put("Observation", OBS, subject={"reference": "Patient?identifier=urn:mrn|77"}),
        put("Condition", C2, subject={"reference": "Patient/p1"}),
        put("Provenance", PROV, target=[{"reference": f"Condition/{C1}"}]),
        {"request": {"method": "DELETE", "url": "Condition/of-another"}},
        {
            "resource": {"resourceType": "Condition", "code": {"text": "x"}},
            "request": {"method": "PUT", "url": "Condition?identifier=urn:x|secret"},
        },
    ],
}


def issue(diagnostics: str = "", **more: object) -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": diagnostics, **more}]}


@pytest.mark.parametrize(
    ("outcome", "entry"),
    [
        (issue(expression=["Bundle.entry[2].resource.code"]), f"entry 2, Condition/{C2}"),
        (issue(location=["/f:Bundle/f:entry[3]/f:resource/f:Condition"]), f"entry 2, Condition/{C2}"),
        (issue(expression=[f"Bundle.entry[3].resource/*Provenance/{PROV}*/.agent"]), f"entry 3, Provenance/{PROV}"),
        (
            issue("HAPI-1094: Resource Patient/p9 not found, specified in path: Condition.subject"),
            f"entry 0, Condition/{C1}",
        ),
        (
            issue(f"HAPI-1096: Resource Condition/{C1} is deleted, specified in path: Provenance.target"),
            f"entry 3, Provenance/{PROV}",
        ),
        (
            issue('HAPI-1091: Invalid match URL "Patient?identifier=urn:mrn|77" - No resources match this search'),
            f"entry 1, Observation/{OBS}",
        ),
        (issue(f"HAPI-0989: Trying to update Condition/{C2}/_history/1 but this is not current."), f"Condition/{C2}"),
        (issue(f"Failed on Observation/{OBS}."), f"entry 1, Observation/{OBS}"),
        (issue("HAPI-0825: conflict on Condition/of-another"), "entry 4, Condition"),
        (issue(expression=["Bundle.entry[5]"]), "entry 5, Condition"),
    ],
)
def test_the_entry_at_fault_is_named(outcome: Json, entry: str) -> None:
    named = [part for part in said(outcome, BUNDLE) if part.startswith("entry ")]

    assert len(named) == 1
    assert named[0].endswith(entry)
    assert "secret" not in named[0]


@pytest.mark.parametrize(
    "outcome",
    [
        issue("HAPI-1094: Resource Patient/p8 not found, specified in path: Condition.subject"),
        issue("HAPI-1094: Resource Patient/p9 not found, specified in path: Observation.subject"),
        issue(expression=["Bundle.entry[99].resource", "Condition.code"], location=["/f:Bundle/f:entry[0]"]),
        issue(f"HAPI-0550: Condition/{C2}0"),
        issue("something else"),
        {"issue": [{"severity": "warning", "expression": ["Bundle.entry[0]"]}]},
    ],
)
def test_no_entry_is_named_where_none_is_told(outcome: Json) -> None:
    assert not [part for part in said(outcome, BUNDLE) if part.startswith("entry ")]


def test_of_many_entries_the_first_are_named() -> None:
    bundle = {"entry": [put("Condition", str(uuid.UUID(int=n)), **PATIENT) for n in range(9)]}
    parts = said(issue("Resource Patient/p9 not found, specified in path: Condition.subject"), bundle)

    assert parts == [*[f"entry {n}, Condition/{uuid.UUID(int=n)}" for n in range(3)], "and 6 entries more"]


def test_an_entry_of_no_known_type_is_told_by_its_place_alone() -> None:
    assert entry_name({"entry": [put("Vogelsang", C1)]}, 0) == "entry 0"
    assert entry_name({"entry": [{}]}, 0) == "entry 0"


OURS = str(uuid.uuid5(uuid.NAMESPACE_URL, "ours"))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("Patient/MRN-4711", "missing Patient"),
        (f"Patient/{OURS}", "missing Patient"),
        (f"Encounter/{OURS}", "missing Encounter"),
        ("Observation/4711", "missing Observation"),
        (f"ServiceRequest/{OURS}", "missing ServiceRequest"),
        (f"Device/{OURS}", f"missing Device/{OURS}"),
        (f"Condition/{OURS}-1", f"missing Condition/{OURS}-1"),
        (f"Procedure/{OURS}", f"missing Procedure/{OURS}"),
    ],
)
def test_the_id_of_what_is_missing_is_told_only_where_we_made_it(target: str, told: str) -> None:
    refused = issue(f"HAPI-1094: Resource {target} not found, specified in path: Condition.subject")
    parts = said(refused, {"entry": [put("Procedure", OURS)]})
    assert [part for part in parts if part.startswith("missing")] == [told]


def test_a_resource_is_named_by_the_id_that_we_made() -> None:
    assert resource_name(put("Condition", f"{OURS}-1")) == f"Condition/{OURS}-1"
    assert resource_name({**put("Condition", "17"), "fullUrl": f"Condition/{OURS}"}) == f"Condition/{OURS}"
    assert resource_name({**put("Condition", "17"), "fullUrl": f"urn:uuid:{OURS}"}) == f"Condition/{OURS}"
    assert resource_name(put("Condition", "MRN-4711")) == "Condition"
    assert resource_name(put("Patient", OURS)) == "Patient"
    assert resource_name(put("Vogelsang", OURS)) == ""


XML = """<?xml version="1.0"?>
<OperationOutcome xmlns="http://hl7.org/fhir">
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">Vogelsang</div></text>
  <issue>
    <severity value="error"/>
    <code value="processing"/>
    <details><coding><code value="other"/></coding><text value="Vogelsang"/></details>
    <diagnostics value="HAPI-1094: Resource Patient/p9 not found, specified in path: Condition.subject &quot;x&quot;"/>
    <expression value="Bundle.entry[2]"/>
  </issue>
  <issue><severity value="warning"/><code value="informational"/></issue>
</OperationOutcome>"""


def test_an_outcome_in_xml_is_read_too() -> None:
    assert said(outcome_of(XML.encode()), BUNDLE) == [
        "processing",
        "HAPI-1094",
        "missing Patient",
        "at Bundle.entry[2]",
        f"entry 2, Condition/{C2}",
    ]


@pytest.mark.parametrize("body", ["<html><OperationOutcome/></html>", "OperationOutcome", "", "[]", "{}"])
def test_what_is_no_outcome_is_none(body: str) -> None:
    assert outcome_of(body.encode()) is None


@given(st.text(min_size=3), st.sampled_from(["diagnostics", "expression", "location", "code"]))
def test_free_text_is_never_told_whatever_was_sent(secret: str, where: str) -> None:
    marked = f"Ω{secret}Ω"
    outcome = {"issue": [{where: [marked] if where in ("expression", "location") else marked, "severity": "error"}]}
    bundle = {"entry": [put(marked, marked, subject={"reference": marked}), put("Condition", marked)]}

    assert "Ω" not in json.dumps(said(outcome, bundle), ensure_ascii=False)
