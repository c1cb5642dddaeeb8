"""What the settings name is loaded and checked together."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.errors import InvalidMapping, ModelRefused
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.shipped import shipped
from medie_fhir.telemetry import Silent
from medie_fhir.transaction import transaction
from medie_fhir.wiring import Configuration, open_pipeline


def test_a_mapping_for_another_task_is_refused(tmp_path: Path) -> None:
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.replace("task: oncology", "task: cardiology"), encoding="utf-8")
    with pytest.raises(InvalidMapping, match="cardiology"):
        Configuration(Settings(mapping=str(mine)))


async def test_an_opened_pipeline_counts_its_servers_work_and_tells_its_listener(tmp_path: Path) -> None:
    listener = Silent()
    settings = Settings(fhir=FhirSettings(bundles=tmp_path))
    async with open_pipeline(settings, with_model=False, telemetry=listener) as pipeline:
        assert pipeline.telemetry is listener
        assert (pipeline.model.worked, pipeline.source.worked, pipeline.written.worked) == (0, 0, 0)
        await pipeline.target.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
        assert (pipeline.source.worked, pipeline.written.worked) == (0, 1)
        with pytest.raises(ModelRefused):
            await pipeline.model.describe()
