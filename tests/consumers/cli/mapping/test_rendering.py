"""What a record becomes: the Bundle of a first publishing, every element of it explained."""

from pathlib import Path

import pytest
import typer

from consumers.cli.mapping.rendering import rendering
from medie_fhir.mapping import leaves
from medie_fhir.model import ExtractionRecord
from medie_fhir.pipeline import Pipeline


def record_of(path: Path) -> ExtractionRecord:
    return ExtractionRecord.model_validate_json(path.read_bytes())


def test_it_is_the_bundle_that_the_pipeline_would_post(pipeline: Pipeline, golden: Path) -> None:
    record = record_of(golden / "everything.json")
    made = rendering(pipeline, record)
    assert made.bundle == pipeline.bundle(record)
    assert [one.number for one in made.resources] == list(range(1, len(made.resources) + 1))


def test_every_leaf_of_every_templates_resource_is_explained_over_all_golden_records(
    pipeline: Pipeline, golden: Path
) -> None:
    seen = 0
    for path in sorted(golden.glob("*.json")):
        made = rendering(pipeline, record_of(path))
        by_template = [one for one in made.resources if one.explained]
        assert len(by_template) == len(made.explanation.resources)
        for one in by_template:
            assert [(e.path, e.value) for e in one.elements] == list(leaves(one.resource)), path.name
            seen += len(one.elements)
    assert seen > 1000


def test_one_is_chosen_by_number_id_reference_or_type(pipeline: Pipeline, golden: Path) -> None:
    made = rendering(pipeline, record_of(golden / "stage-figo.json"))
    stage = next(one for one in made.resources if one.reference.startswith("Observation/"))
    for which in (str(stage.number), stage.resource["id"], stage.reference, "Observation"):
        assert made.chosen(which) == (stage,)
    with pytest.raises(typer.BadParameter, match=stage.reference):
        made.chosen("Medication")


def test_a_record_that_says_nothing_has_no_bundle_and_tells_why(pipeline: Pipeline, golden: Path) -> None:
    made = rendering(pipeline, record_of(golden / "nothing-said.json"))
    assert (made.bundle, made.resources) == (None, ())
    assert [held.reason for held in made.explanation.held_back] == ["asserted absent"]
