"""Resources as we write them, with all that a mark could come in the way of."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import strategies as st

from medie_fhir.model import Json

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(4)]
KINDS = {"Device": IDS[0], "Condition": IDS[1], "Observation": f"{IDS[1]}-1", "Provenance": IDS[3]}
ours = st.sampled_from([f"{kind}/{id_}" for kind, id_ in KINDS.items()])
literal = ours | st.sampled_from(["Patient/1", "http://elsewhere.example/fhir/Condition/1", "#contained"])
reference = st.builds(
    lambda text, display, named: {
        "reference": text,
        **({"display": display} if display else {}),
        **({"identifier": {"system": "urn:other", "value": named}} if named else {}),
    },
    literal,
    st.sampled_from(["", "a name"]),
    st.sampled_from(["", "1"]),
)
identifiers = st.lists(st.sampled_from([{"system": "urn:a", "value": "1"}, {"value": "2"}]), max_size=2, unique_by=str)
tags = st.lists(st.sampled_from([{"system": "urn:t", "code": "1"}, {"code": "2"}]), max_size=2, unique_by=str)


def made(kind: str, about: Json, identified: list[Json], tagged: list[Json]) -> Json:
    resource: Json = {
        "resourceType": kind,
        "id": KINDS[kind],
        "extension": [{"url": "urn:e", "valueReference": about}],
        **({"meta": {"tag": tagged}} if tagged else {}),
    }
    if kind != "Provenance" and identified:
        resource["identifier"] = identified
    return resource


_resources = st.tuples(*(st.builds(made, st.just(kind), reference, identifiers, tags) for kind in KINDS))


@pytest.fixture(scope="session")
def kinds() -> dict[str, str]:
    """The types of the resources, and our ids of them."""
    return KINDS


@pytest.fixture(scope="session")
def resources() -> st.SearchStrategy[tuple[Json, ...]]:
    """One of each type, for ``data.draw``."""
    return _resources
