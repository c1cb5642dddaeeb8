"""What a note goes through, and what then holds on the server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
SAID_OF_LUNG = {
    "cancer_type": "lung adenocarcinoma",
    "stage": "IV",
    "gene_mutation": "EGFR L858R",
    "metastasis_site": "brain; liver",
    "treatment": "osimertinib",
}
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
NOTHING = "Right knee arthroscopy for a torn meniscus. Uneventful recovery."
COLON = "ASSESSMENT: Colon adenocarcinoma, stage III."
SAID_OF_COLON = {"cancer_type": "colon adenocarcinoma", "stage": "III"}


@pytest.fixture
def members(pipeline: Pipeline, configuration: Configuration, model: Any, twin: FhirTwin) -> tuple[Pipeline, Pipeline]:
    """The pipelines of two members of a group."""
    return pipeline, assemble_pipeline(
        Settings(readers=("model",)), configuration, model=model, source=twin, target=twin
    )


@pytest.fixture(autouse=True)
def script(model: Any) -> None:
    model.script = {"Lung adenocarcinoma": SAID_OF_LUNG, "Colon adenocarcinoma": SAID_OF_COLON}


async def through(pipeline: Pipeline, value: bytes | None, key: bytes | None = None, ms: int = 0) -> list[Published]:
    """What publishing each record of a Kafka record's value came to."""
    done = []
    for event in await pipeline.events(value, key, timestamp_ms=ms):
        assert isinstance(event, NoteEvent), event
        record = await pipeline.extract(event)
        done.append(await pipeline.publish(pipeline.record(record.to_json().encode())))
    return done


def current(twin: FhirTwin) -> dict[str, Json]:
    """The facts that hold, by id."""
    return {
        r["id"]: r
        for kind in ("Condition", "Observation")
        for r in twin.current(kind)
        if r.get("status") != "entered-in-error"
        and r.get("verificationStatus", {}).get("coding", [{}])[0].get("code") != "entered-in-error"
    }


def shown(twin: FhirTwin) -> set[str]:
    """The text of each fact that holds."""
    return {
        (r.get("valueCodeableConcept", {}).get("text") or r["code"].get("text", "")).removeprefix("Metastasis: ")
        for r in current(twin).values()
    }


@pytest.fixture(scope="session")
def acts() -> SimpleNamespace:
    """What happens to a note, and what is then to be seen."""
    return SimpleNamespace(through=through, current=current, shown=shown)
