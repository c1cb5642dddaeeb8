"""What is asked of a model server, held against the real ones: embedded llama.cpp, and vLLM where there is one."""

from __future__ import annotations

import asyncio
import json
import math
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from medie_fhir.adapters.engine_pace import Load, load_of
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import ModelRefused, ModelRejected, ModelUnavailable
from medie_fhir.evaluation import GoldNote, Matcher, Verdict, judge_note, load_vocabulary
from medie_fhir.extraction import Task, load_task, read
from medie_fhir.extraction.parse import parse
from medie_fhir.extraction.prompt import request
from medie_fhir.model import Alignment, Fact, NoteText, OffsetMap, Span
from medie_fhir.ports import ModelRequest
from medie_fhir.shipped import shipped

ADAPTER = Path(__file__).parents[3] / "models" / "medical-ie-smollm2-135m"
QUESTION = ModelRequest(
    [{"role": "user", "content": "Is an adenocarcinoma a malignant tumour?"}],
    {
        "type": "object",
        "properties": {"said": {"enum": ["yes", "no"]}},
        "required": ["said"],
        "additionalProperties": False,
    },
    20,
)
LONG = ModelRequest(
    [{"role": "user", "content": "Tell a story."}],
    {"type": "array", "items": {"type": "integer"}, "minItems": 900},
    1800,
)
NOTES = [
    "Stage IIIB lung adenocarcinoma, EGFR exon 19 deletion. On osimertinib, CT shows a partial response.",
    "Prostate adenocarcinoma, Gleason 4+4, PSA 23 ng/mL, bone metastases. Started leuprolide and abiraterone.",
    "Screening colonoscopy: normal to the caecum. No polyps, no evidence of malignancy.",
    "Metastatic melanoma of the back, BRAF V600E. Pembrolizumab since March; complete response of the lung metastases.",
    "Triple-negative breast cancer, T2 N1 M0, BRCA1 mutation. Neoadjuvant carboplatin and paclitaxel.",
    "Colon adenocarcinoma with liver metastases, KRAS G12D, MSS. FOLFOX and bevacizumab, stable disease.",
]


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8"))


async def load(vllm: Any) -> Load:
    async with vllm.raw() as raw:
        return load_of((await raw.get("/metrics")).text)


async def until_running(vllm: Any, number: int, within: float = 60.0) -> None:
    """Return when the server works on so many requests, ours alone being there."""
    async with asyncio.timeout(within):
        while (now := await load(vllm)).running != number or now.waiting:  # noqa: ASYNC110 - a server tells by being asked
            await asyncio.sleep(0.05)


async def test_it_says_that_it_is_well(real: Any) -> None:
    async with real.raw() as raw:
        assert (await raw.get("/health")).status_code == 200


async def test_an_answer_has_the_schema_s_shape_where_it_would_be_another_without(real: Any) -> None:
    async with real.client() as model, real.raw() as raw:
        free = {"model": real.name, "messages": QUESTION.messages, "max_tokens": 20, "temperature": 0}
        said = (await raw.post("/v1/chat/completions", json=free)).json()["choices"][0]["message"]["content"]
        assert "said" not in said
        assert json.loads((await model.complete(QUESTION)).text)["said"] in {"yes", "no"}


async def test_every_token_has_a_probability_and_together_they_hold_the_text(real: Any, task: Task) -> None:
    async with real.client() as model:
        answer = await model.complete(request(task, NOTES[0]))
    assert len(answer.tokens) > 20
    assert all(math.isfinite(token.logprob) and token.logprob <= 0 for token in answer.tokens)
    assert answer.text in "".join(token.text for token in answer.tokens)  # vLLM gives the end of the turn too
    assert answer.finish_reason == "stop"
    assert answer.prompt_tokens > answer.completion_tokens > 0


async def test_the_adapter_is_told(real: Any) -> None:
    async with real.client() as model:
        described = await model.describe()
    assert described.adapter
    assert described.server
    assert real.kind.lower() in described.server.lower()


async def test_a_name_that_it_does_not_serve_is_refused_with_those_that_it_does(real: Any) -> None:
    async with real.client(name="nobody", known=None) as model:
        with pytest.raises(ModelRefused, match=rf"no model 'nobody'; it has: .*{real.name}"):
            await model.describe()


async def test_a_text_beyond_the_context_is_rejected_without_being_quoted(real: Any) -> None:
    async with real.client() as model:
        with pytest.raises(ModelRejected) as caught:
            await model.complete(ModelRequest([{"role": "user", "content": "Miller " * 5000}], {"type": "object"}, 10))
    assert "Miller" not in str(caught.value)


async def test_a_request_that_is_given_up_keeps_nobody_waiting(real: Any) -> None:
    """The embedded one works on one at a time: the next would wait for all of a long answer."""
    async with real.client(timeout=2.0) as impatient, real.client() as model:
        with pytest.raises(ModelUnavailable, match="no answer within 2 s"):
            await impatient.complete(LONG)
        began = time.monotonic()
        await model.complete(QUESTION)
        assert time.monotonic() - began < 30


# --- vLLM alone -----------------------------------------------------------------------------------------------------


@pytest.mark.vllm
async def test_a_request_that_is_cancelled_ends_at_the_server(vllm: Any) -> None:
    async with vllm.client() as model:
        asked = asyncio.create_task(model.complete(LONG))
        await until_running(vllm, 1)
        asked.cancel()
        await until_running(vllm, 0, within=10)
    assert asked.cancelled()


@pytest.mark.vllm
async def test_the_name_says_which_adapter_answers(vllm: Any, task: Task) -> None:
    asked = request(task, NOTES[0])
    async with vllm.client() as tuned, vllm.client(name="base") as plain:
        assert (await plain.describe()).adapter is None
        assert (await plain.complete(asked)).text != (await tuned.complete(asked)).text


@pytest.mark.vllm
async def test_asking_for_a_name_that_it_does_not_serve_is_refused_with_what_to_do(vllm: Any) -> None:
    async with vllm.client(name="nobody") as model:
        with pytest.raises(ModelRefused, match=r"HTTP 404.*check the key, the URL and the model's name, 'nobody'"):
            await model.complete(QUESTION)


async def loads(raw: httpx.AsyncClient, name: str) -> int:
    asked = {"lora_name": name, "lora_path": str(ADAPTER)}
    return (await raw.post("/v1/load_lora_adapter", json=asked)).status_code


async def unloads(raw: httpx.AsyncClient, name: str) -> int:
    return (await raw.post("/v1/unload_lora_adapter", json={"lora_name": name})).status_code


@pytest.mark.vllm
async def test_an_adapter_is_there_once_it_is_loaded_and_gone_once_it_is_unloaded(vllm: Any, task: Task) -> None:
    asked = request(task, NOTES[1])
    async with vllm.client() as first, vllm.client(name="medical-ie-2") as second, vllm.raw() as raw:
        assert await loads(raw, "medical-ie-2") == 200
        try:
            assert (await second.describe()).adapter == "medical-ie-2"
            assert (await second.complete(asked)).text == (await first.complete(asked)).text  # the same weights
        finally:
            assert await unloads(raw, "medical-ie-2") == 200
        with pytest.raises(ModelRefused):
            await second.complete(asked)
        with pytest.raises(ModelRefused):
            await second.describe()


@pytest.mark.vllm
async def test_an_adapter_is_unloaded_and_what_it_was_asked_before_is_still_answered(vllm: Any, task: Task) -> None:
    async with vllm.client(name="medical-ie-3") as model, vllm.raw() as raw:
        await until_running(vllm, 0)
        assert await loads(raw, "medical-ie-3") == 200
        asked = asyncio.gather(*(model.complete(request(task, note)) for note in NOTES[:3]))
        await until_running(vllm, 3)
        assert await unloads(raw, "medical-ie-3") == 200
        for answer in await asked:
            assert list(parse(answer, task)) == list(task.fields)


# --- both, side by side ---------------------------------------------------------------------------------------------


async def facts(model: OpenAiHttp, task: Task, text: str) -> list[Fact]:
    """What a server reads in a text, before anything is grounded."""
    whole = Span(0, len(text))
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "0" * 64, sentences=(whole,))
    seen = (await read(note, task, model)).values
    return [Fact(field=value.field, value=value.value, alignment=Alignment.NONE) for value in seen]


@pytest.mark.model
@pytest.mark.vllm
async def test_both_read_the_same_in_a_note(embedded_model: Any, vllm: Any, task: Task) -> None:
    """By the scorer's matching: the one computes with 4-bit weights and 8-bit activations, the other with floats."""
    words = shipped("schemas", "evaluation", "oncology.yaml")
    matcher = Matcher(load_vocabulary(words.read_text(encoding="utf-8"), words.name))
    said = same = told = found = 0
    server = embedded_model
    async with (
        OpenAiHttp(server.url, server.name, api_key=server.api_key, concurrency=1) as embedded,
        vllm.client() as other,
    ):
        for text in NOTES:
            gold: dict[str, tuple[str, ...]] = {}
            for fact in await facts(embedded, task, text):
                gold[fact.field] = (*gold.get(fact.field, ()), fact.value)
            verdicts = judge_note(
                GoldNote(id="n", text=text, gold=gold), await facts(other, task, text), task.fields, matcher
            )
            said += len(verdicts.judged)
            same += sum(judged.verdict is Verdict.RIGHT for judged in verdicts.judged)
            told += sum(map(len, gold.values()))
            found += sum(map(len, gold.values())) - len(verdicts.missed)
    assert told >= 20
    precision, recall = same / said, found / told
    assert 2 * precision * recall / (precision + recall) >= 0.9, (said, same, told, found)
