"""How a rendering is explained."""

from pathlib import Path

import pytest

from consumers.cli.mapping.explained import explained_json, show_explained
from consumers.cli.mapping.rendering import Rendering, rendering
from medie_fhir.model import ExtractionRecord
from medie_fhir.pipeline import Pipeline


@pytest.fixture
def made(pipeline: Pipeline, golden: Path) -> Rendering:
    record = ExtractionRecord.model_validate_json((golden / "primary-and-family.json").read_bytes())
    return rendering(pipeline, record)


def test_json_says_of_each_element_whether_mapping_or_engine_and_of_codes_the_row(
    pipeline: Pipeline, made: Rendering
) -> None:
    said = explained_json(pipeline, made, made.resources)
    assert said["mapping"] == pipeline.mapping.label
    assert {r["by"] for r in said["resources"]} == {"engine", "mapping"}
    (condition,) = [r for r in said["resources"] if r["by"] == "mapping"]
    by_path = {e["path"]: e for e in condition["elements"]}
    assert by_path["id"]["by"] == "engine"
    assert by_path["clinicalStatus.coding[0].code"]["by"] == "fixed"
    text, code = by_path["code.text"], by_path["code.coding[0].code"]
    assert (text["by"], text["expression"]) == ("mapping", "%fact.value")
    assert code["where"].startswith("default.yaml:")
    assert code["place"].startswith("cancers.csv:")
    assert code["match"] in ("exact", "normalised", "synonym", "rule")
    assert by_path["identifier[1].value"]["for"].startswith("our stamp")


def test_people_see_the_line_the_row_and_what_was_held_back(
    pipeline: Pipeline, made: Rendering, capsys: pytest.CaptureFixture[str]
) -> None:
    show_explained(pipeline, made, made.resources)
    told = capsys.readouterr().out
    assert "'primary cancer' at default.yaml:" in told
    assert "cancers.csv:" in told
    assert "the engine's own, by no template" in told
    assert told.splitlines()[-1].startswith("held back: ")
    assert "said of family" in told.splitlines()[-1]
