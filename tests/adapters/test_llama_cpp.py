"""The embedded model, run for real: its prompt, its answers, and what it lets out."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.adapters.model_files import ADAPTER, BASE, locate
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import DependencyMissing, ModelRefused, ModelRejected
from medie_fhir.extraction import READER, Task, load_task, read
from medie_fhir.extraction.parse import parse
from medie_fhir.extraction.prompt import request
from medie_fhir.model import NoteText, OffsetMap, Span
from medie_fhir.ports import ModelRequest
from medie_fhir.shipped import shipped

NOTES = [
    "Stage IIIB lung adenocarcinoma, EGFR exon 19 deletion. On osimertinib, CT shows a partial response.",
    "Prostate adenocarcinoma, Gleason 4+4, PSA 23 ng/mL, bone metastases. Leuprolide and abiraterone.",
    "Screening colonoscopy: normal to the caecum. No polyps, no evidence of malignancy.",
    "Mélanome „ulcéré“ 2 mm — BRAF V600E; pembrolizumab; “complete response” 🙂.",
]


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8"))


@pytest.fixture
async def model(embedded_model: LlamaCpp) -> AsyncIterator[OpenAiHttp]:
    server = embedded_model
    async with OpenAiHttp(server.url, server.name, api_key=server.api_key, known=server.description) as client:
        yield client


def note_of(text: str) -> NoteText:
    digest = hashlib.sha256(text.encode()).hexdigest()
    whole = Span(0, len(text))
    return NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", digest, sentences=(whole,))


@pytest.mark.model
async def test_the_prompt_is_the_chatml_of_the_training_to_the_last_character(
    embedded_model: LlamaCpp, task: Task
) -> None:
    text = "Lung cancer,  stage IV.\n\nT790M  "
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {embedded_model.api_key}"}) as client:
        messages = list(request(task, text).messages)
        answer = await client.post(f"{embedded_model.url}/apply-template", json={"messages": messages})
    assert answer.json()["prompt"] == (
        "<|im_start|>system\nYou are a medical information extraction assistant. "
        "Extract structured cancer-related entities from clinical text.<|im_end|>\n"
        f"<|im_start|>user\nExtract all cancer-related entities from the text.\n\nText: {text}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.model
@pytest.mark.parametrize("text", NOTES)
async def test_every_answer_is_the_json_of_the_task_and_its_tokens_make_its_text(
    model: OpenAiHttp, task: Task, text: str
) -> None:
    answer = await model.complete(request(task, text))
    assert list(parse(answer, task)) == list(task.fields)
    assert "".join(token.text for token in answer.tokens) == answer.text
    assert answer.completion_tokens > 0


@pytest.mark.model
async def test_the_same_note_gets_the_same_answer_whatever_was_asked_between(model: OpenAiHttp, task: Task) -> None:
    first = await model.complete(request(task, NOTES[0]))
    await model.complete(request(task, NOTES[1]))
    assert await model.complete(request(task, NOTES[0])) == first


@pytest.mark.model
async def test_a_note_is_read_with_its_confidence(model: OpenAiHttp, task: Task) -> None:
    reading = await read(note_of(NOTES[0]), task, model)
    found = {(value.field, value.value) for value in reading.values}
    assert {("stage", "IIIB"), ("treatment", "osimertinib"), ("response", "partial response")} <= found
    assert all(value.confidence is not None and 0 < value.confidence <= 1 for value in reading.values)
    assert {value.reader for value in reading.values} == {READER}


@pytest.mark.model
async def test_the_adapter_and_its_digest_are_told(model: OpenAiHttp) -> None:
    description = await model.describe()
    assert description.model == Path(BASE.file).stem
    assert description.adapter == ADAPTER.file
    assert description.adapter_digest == ADAPTER.sha256


@pytest.mark.model
async def test_a_text_beyond_the_context_is_rejected_without_being_quoted(model: OpenAiHttp) -> None:
    with pytest.raises(ModelRejected) as caught:
        await model.complete(ModelRequest([{"role": "user", "content": "Miller " * 5000}], {"type": "object"}, 10))
    assert "Miller" not in str(caught.value)


@pytest.mark.model
async def test_who_has_no_key_is_refused(embedded_model: LlamaCpp) -> None:
    async with OpenAiHttp(embedded_model.url, embedded_model.name) as stranger:
        with pytest.raises(ModelRefused):
            await stranger.complete(ModelRequest([{"role": "user", "content": "x"}], {"type": "object"}, 10))


@pytest.mark.model
async def test_nobody_can_read_the_prompts_in_work(embedded_model: LlamaCpp) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {embedded_model.api_key}"}) as client:
        assert (await client.get(f"{embedded_model.url}/slots")).status_code == 501


@pytest.mark.model
async def test_no_note_text_is_written_to_the_terminal(
    model: OpenAiHttp, task: Task, capfd: pytest.CaptureFixture[str]
) -> None:
    await model.complete(request(task, NOTES[1]))
    with pytest.raises(ModelRejected):
        await model.complete(ModelRequest([{"role": "user", "content": "Prostate " * 5000}], {"type": "object"}, 10))
    out, err = capfd.readouterr()
    assert "Prostate" not in out + err
    assert "Leuprolide" not in out + err


@pytest.mark.model
def test_a_stopped_server_leaves_its_port() -> None:
    with LlamaCpp(locate(), locate(ADAPTER.name), context=512) as server:
        port = httpx.URL(server.url).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    server.stop()


@pytest.mark.model
def test_a_server_stopped_as_soon_as_it_runs_does_end() -> None:
    for _ in range(5):
        LlamaCpp(locate(), locate(ADAPTER.name), context=512).stop()


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DependencyMissing, match="run: medie-fhir models pull"):
        LlamaCpp(tmp_path / "base.gguf", locate(ADAPTER.name))


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "base.gguf"
    broken.write_bytes(json.dumps({}).encode())
    with pytest.raises(DependencyMissing, match="can't load"):
        LlamaCpp(broken, locate(ADAPTER.name))
