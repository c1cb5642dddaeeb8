"""A task file is whole, or refused with all its faults at once."""

from __future__ import annotations

import pytest
import yaml

from medie_fhir.errors import InvalidTask
from medie_fhir.extraction.task import Task, load_task
from medie_fhir.shipped import shipped


@pytest.fixture
def text() -> str:
    return shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8")


def changed(text: str, **changes: object) -> str:
    return yaml.safe_dump({**yaml.safe_load(text), **changes}, sort_keys=False)


def test_the_oncology_task_asks_for_the_seven_fields_in_the_order_of_the_training(task: Task) -> None:
    assert tuple(task.fields) == (
        "cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site",
    )  # fmt: skip
    assert task.adapter == "medical-ie"


def test_the_messages_are_those_of_the_training(task: Task) -> None:
    system, user = task.messages
    assert (system.role, user.role) == ("system", "user")
    assert system.content == (
        "You are a medical information extraction assistant. "
        "Extract structured cancer-related entities from clinical text."
    )
    assert user.content == "Extract all cancer-related entities from the text.\n\nText: {note}"


def test_the_history_does_not_change_the_digest_and_everything_else_does(text: str) -> None:
    digest = load_task(text).digest
    assert load_task(changed(text, history=[{"version": 1, "change": "Said otherwise."}])).digest == digest
    for change in ({"max_tokens": 99}, {"chunk": {"limit": 500}}, {"empty": []}, {"triage": ["cancer"]}, {"lead": ""}):
        assert load_task(changed(text, **change)).digest != digest


def test_the_order_of_the_fields_is_part_of_the_digest(text: str) -> None:
    fields = yaml.safe_load(text)["fields"]
    turned = changed(text, fields=dict(reversed(fields.items())))
    assert load_task(turned).digest != load_task(text).digest


def test_all_faults_are_told_at_once(text: str) -> None:
    broken = changed(text, max_tokens=0, triage=["("], chunk={"limit": "many"}, colour="red")
    with pytest.raises(InvalidTask) as caught:
        load_task(broken)
    faults = str(caught.value).splitlines()
    assert sorted(fault.split(":")[0] for fault in faults) == ["chunk.limit", "colour", "max_tokens", "triage"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"messages": [{"role": "user", "content": "no place for the note"}]}, "must stand once"),
        ({"messages": [{"role": "user", "content": "{note} {note}"}]}, "must stand once"),
        ({"version": 7}, "says nothing of version 7"),
        ({"triage": ["cancer", "x*"]}, "matches every text"),
        ({"fields": {"Stage": {"meaning": "m", "split": ";", "max_length": 80}}}, "is no name"),
        ({"fields": {"stage": {"meaning": "m", "split": ";*", "max_length": 80}}}, "split everywhere"),
        ({"fields": {"stage": {"meaning": "m", "split": "[", "max_length": 80}}}, "not a regular expression"),
    ],
)
def test_what_does_not_hang_together_is_refused(text: str, change: dict[str, object], fault: str) -> None:
    with pytest.raises(InvalidTask, match=fault):
        load_task(changed(text, **change))


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "name: [", "name: a\nname: b", "\x00", "? [a, b]\n: 1", "a: !!python/name:os.system x"]
)
def test_what_is_no_task_file_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidTask):
        load_task(text)


def test_a_repeated_key_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidTask, match=r"line 2: .*repeated key 'name'"):
        load_task("name: a\nname: b")
