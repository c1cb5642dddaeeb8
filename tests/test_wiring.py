"""What the settings name is loaded and checked together."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.configuration import Configuration
from medie_fhir.errors import InvalidMapping, InvalidTerminology, ModelRefused, SettingsError
from medie_fhir.model_servers import check_learned
from medie_fhir.settings import FhirSettings, ModelSettings, Settings
from medie_fhir.shipped import shipped
from medie_fhir.telemetry import Silent
from medie_fhir.transaction import transaction
from medie_fhir.wiring import open_pipeline


@pytest.mark.parametrize(("named", "meant"), [("heart", ""), ("oncolgy", " (did you mean 'oncology'?)")])
def test_a_mapping_for_another_task_is_refused_at_its_line_with_what_to_do(
    tmp_path: Path, named: str, meant: str
) -> None:
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.replace("task: oncology", f"task: {named}"), encoding="utf-8")
    line = text[: text.index("task: oncology")].count("\n") + 1
    with pytest.raises(InvalidMapping) as raised:
        Configuration(Settings(mapping=str(mine)))
    (fault,) = raised.value.faults
    told = f"mine.yaml:{line}:7: task: '{named}' is not the task that the settings name{meant}: write 'oncology' here"
    assert fault.startswith(told)
    assert "MEDIE_TASK" in fault


def test_of_a_mapping_for_another_task_no_field_is_judged_and_all_else_is(tmp_path: Path) -> None:
    text = shipped("mappings", "cardiology.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.replace("%subject", "%subjekt", 1), encoding="utf-8")
    with pytest.raises(InvalidMapping) as raised:
        Configuration(Settings(mapping=str(mine)))
    assert ["task: 'cardiology' is" in fault or "%subjekt" in fault for fault in raised.value.faults] == [True, True]


def test_a_name_that_is_not_shipped_is_told_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"mine: none that is shipped \(cardiology, default, mcode\).* mine\.yaml"):
        Configuration(Settings(mapping="mine"))


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


def test_a_mappings_own_tables_are_beside_it_and_the_settings_folder_goes_before(tmp_path: Path) -> None:
    for name in ("cardiology.yaml", "cardiology/rhythm.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(shipped("mappings", name).read_bytes())
    mine = Settings(task="cardiology", mapping=str(tmp_path / "cardiology.yaml"))
    assert Configuration(mine).tables.tables.keys() == {"rhythm"}
    other = mine.model_copy(update={"terminology": shipped("mappings", "cardiology")})
    assert "medication" in Configuration(other).tables.tables


def test_oncology_without_its_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rhythm.csv").write_bytes(shipped("mappings", "cardiology", "rhythm.csv").read_bytes())
    with pytest.raises(InvalidTerminology, match=r"cancers\.csv"):
        Configuration(Settings(terminology=tmp_path))


async def test_the_embedded_model_is_not_asked_what_it_has_not_learned(tmp_path: Path) -> None:
    settings = Settings(task="cardiology", mapping="cardiology", fhir=FhirSettings(bundles=tmp_path))
    with pytest.raises(SettingsError, match=r"model\.base_url.*cardiology"):
        async with open_pipeline(settings):
            pass
    async with open_pipeline(settings, with_model=False) as pipeline:
        assert pipeline.task.name == "cardiology"


def test_another_server_may_have_learned_any_task() -> None:
    task = Configuration(Settings(task="cardiology", mapping="cardiology")).task
    served = Settings(model=ModelSettings.model_validate({"base_url": "http://model.example.org:8000/v1"}))
    check_learned(served, task)
    with pytest.raises(SettingsError):
        check_learned(Settings(), task)
