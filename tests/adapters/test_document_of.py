"""Which document a Bundle is about, from whatever of it names one."""

from __future__ import annotations

import pytest

from medie_fhir.adapters.document_of import devices_named, document_key, mapping_of
from medie_fhir.model import Json
from medie_fhir.transaction import BASE, transaction

COPY = {"resourceType": "DocumentReference", "id": "d"}
OURS = {"system": f"{BASE}/document", "value": "ehr|DocumentReference/1"}
MAPPING = {"role": "derivation", "what": {"identifier": {"system": f"{BASE}/mapping", "value": "default@1 (abc)"}}}
SOURCE = {"role": "source", "what": {"reference": "DocumentReference/1"}}
TAG = {"system": f"{BASE}/source-document", "code": "6c1f"}


def provenance(*entities: Json, **more: object) -> Json:
    return {"resourceType": "Provenance", "id": "p", "entity": list(entities), **more}


@pytest.mark.parametrize(
    ("resources", "key"),
    [
        ([{**COPY, "identifier": [{"value": "theirs"}, OURS]}, provenance(SOURCE)], "ehr|DocumentReference/1"),
        ([provenance(MAPPING, SOURCE)], "here|DocumentReference/1"),
        ([provenance(MAPPING, {"role": "source", "what": {}}, meta={"tag": [{"code": "x"}, TAG]})], "6c1f"),
        ([{"resourceType": "Device", "id": "x"}], None),
        ([COPY], None),
        ([], None),
    ],
)
def test_the_copy_names_it_else_the_provenance_else_its_tag(resources: list[Json], key: str | None) -> None:
    assert document_key(transaction(resources), "here") == key


def test_mapping_and_devices_are_those_that_the_provenance_names() -> None:
    agents = [{"who": {"reference": "Device/x"}}, {"who": {"display": "medie-fhir"}}]
    bundle = transaction([provenance(SOURCE, MAPPING, agent=agents)])

    assert mapping_of(bundle) == "default@1 (abc)"
    assert devices_named(bundle) == {"Device/x"}
    assert (mapping_of(transaction([])), devices_named(transaction([]))) == (None, set())
