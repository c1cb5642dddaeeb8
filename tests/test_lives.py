"""The life of a document, in whatever order and however often its events come: its newest version is what holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json, NoteEvent
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."
SAID = {
    "Lung adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "Colon adenocarcinoma": {"cancer_type": "colon adenocarcinoma", "stage": "III"},
}
HOLDS = {LUNG: {"lung adenocarcinoma", "IV"}, COLON: {"colon adenocarcinoma", "III"}, NOTHING: set[str]()}
Step = tuple[bytes | None, bytes | None, int, set[str]]  # value, key, Kafka's time, and what then holds of the document

HAPPENS = st.sampled_from([LUNG, COLON, NOTHING, "entered-in-error", "superseded", "replaced", "deleted"])


@st.composite
def in_any_order(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """What happened to a document, in order; and the order in which its events come, some of them twice.

    One process lives through it: an empty version or a deletion of a document that nothing is known of is remembered
    by it, and not on the server (ADR 0005).
    """
    life = draw(st.lists(HAPPENS, min_size=1, max_size=4))
    comes = draw(st.permutations(range(len(life))))
    return life, [*comes, *draw(st.lists(st.sampled_from(comes), max_size=2))]


@st.composite
def rewound(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """The same of a consumer that reads a partition, and again from somewhere on."""
    life = draw(st.lists(HAPPENS, min_size=1, max_size=5))
    return life, [*range(len(life)), *range(draw(st.integers(0, len(life))), len(life))]


def step(what: str, number: int, event: Callable[..., bytes]) -> Step:
    """The event that tells the ``number``-th thing that happened to the document d1."""
    version = str(number + 1)
    if what in HOLDS:
        return event(what, version=version), None, 0, HOLDS[what]
    if what == "deleted":
        when = datetime(2026, 1, number + 1, 9, tzinfo=UTC)
        return None, b"DocumentReference/d1", int(when.timestamp() * 1000), set()
    if what == "replaced":
        by = [{"code": "replaces", "target": {"reference": "DocumentReference/d1"}}]
        return event(NOTHING, f"by-{version}", version, relatesTo=by), None, 0, set()
    return event(LUNG, version=version, status=what), None, 0, set()


def by_number_alone(value: bytes | None, number: int) -> bytes | None:
    """The same event of a sender that tells no time of a version, whose author sets the date back each time."""
    if value is None:
        return None
    document = json.loads(value)
    if document["id"] == "d1":
        document |= {"meta": {"versionId": str(number + 1)}, "date": f"2026-01-{28 - number}"}
    return json.dumps(document).encode()


def holding(twin: FhirTwin) -> dict[str, set[str]]:
    """The words of what holds, by the copy of the document that said it."""
    found: dict[str, set[str]] = {}
    for resource in (*twin.current("Condition"), *twin.current("Observation")):
        verified = resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
        if "entered-in-error" not in (resource.get("status"), verified):
            said = resource.get("valueCodeableConcept") or resource["code"]
            found.setdefault(resource["meta"]["source"].partition("#")[0], set()).add(said["text"])
    return found


LAW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture
    ],  # the event builder and the scripted model keep nothing
)


@given(life=in_any_order() | rewound())
@LAW
def test_in_whatever_order_its_events_come_the_newest_version_holds_and_another_document_is_untouched(
    life: tuple[list[str], list[int]], configuration: Configuration, model: Any, event: Callable[..., bytes]
) -> None:
    model.script = SAID
    happened = [step(what, number, event) for number, what in enumerate(life[0])]
    came = [happened[number] for number in life[1]]
    held = asyncio.run(lived(event(LUNG, "other"), came, configuration, model))
    expected = [HOLDS[LUNG], *([happened[-1][3]] if happened[-1][3] else [])]
    assert sorted(map(sorted, held.values())) == sorted(map(sorted, expected))


@given(life=rewound())
@example(life=(["deleted", LUNG], [0, 1, 0, 1]))
@example(life=(["deleted", NOTHING, LUNG], [0, 1, 2, 0, 1, 2]))
@example(life=([NOTHING, "replaced"], [0, 1, 1]))
@LAW
def test_a_sender_that_only_numbers_its_versions_is_read_again_without_a_detour(
    life: tuple[list[str], list[int]], configuration: Configuration, model: Any, event: Callable[..., bytes]
) -> None:
    model.script = SAID
    happened = [step(what, number, event) for number, what in enumerate(life[0])]
    numbered = [(by_number_alone(value, n), key, ms, then) for n, (value, key, ms, then) in enumerate(happened)]
    came = [numbered[number] for number in life[1]]
    held = asyncio.run(lived(event(LUNG, "other"), came, configuration, model))
    expected = [HOLDS[LUNG], *([happened[-1][3]] if happened[-1][3] else [])]
    assert sorted(map(sorted, held.values())) == sorted(map(sorted, expected))


async def lived(other: bytes, came: list[Step], configuration: Configuration, model: Any) -> dict[str, set[str]]:
    """What holds after ``other`` and then all that came; and that all of it, come again, changes nothing."""
    twin = FhirTwin()
    await twin.transact(bundle_of({"resourceType": "Patient", "id": "p1"}))
    pipeline = assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=twin)

    async def through(value: bytes | None, key: bytes | None = None, ms: int = 0) -> None:
        for each in await pipeline.events(value, key, timestamp_ms=ms):
            assert isinstance(each, NoteEvent)
            await pipeline.publish(await pipeline.extract(each))

    await through(other)
    for value, key, ms, _ in came:
        await through(value, key, ms)
    versions = twin.count_versions()
    for value, key, ms, _ in came:
        await through(value, key, ms)
    assert twin.count_versions() == versions, "done again, something changed"
    return holding(twin)


def bundle_of(resource: Json) -> Json:
    """A transaction that puts one resource."""
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": resource, "request": request}]}
