"""The HTTP adapter against a real server in this process, that answers well, badly, or not at all."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.openai_http import OpenAiHttp, _answer
from medie_fhir.errors import (
    MedieError,
    ModelOutputError,
    ModelRefused,
    ModelRejected,
    ModelUnavailable,
    SettingsError,
)
from medie_fhir.ports import ModelAnswer, ModelRequest, Token
from medie_fhir.telemetry import passing_on

SECRET = "Mrs Miller has a melanoma"


REQUEST = ModelRequest([{"role": "user", "content": SECRET}], {"type": "object"}, 99)


Reply = tuple[int, bytes] | None  # status and body; None: never answer


CHAT = "/v1/chat/completions"


def completion(text: str = "{}", **choice: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


async def complete(server: Any, **options: Any) -> ModelAnswer:
    async with OpenAiHttp(server.url, "medical-ie", **{"backoff": 0.0, **options}) as model:
        return await model.complete(REQUEST)


async def test_an_answer_comes_with_its_reason_tokens_and_cost(server: Any) -> None:
    logprobs = {"content": [{"token": "{", "bytes": [123], "logprob": -0.5}, {"token": "}", "logprob": -1}]}
    server.says(CHAT, completion("{}", logprobs=logprobs))
    assert await complete(server) == ModelAnswer("{}", "stop", (Token("{", -0.5), Token("}", -1.0)), 7, 3)


async def test_the_request_is_greedy_and_asks_for_the_schema_and_log_probabilities(server: Any) -> None:
    server.says(CHAT, completion())
    await complete(server, api_key="k")
    ((_, headers, body),) = server.seen
    assert headers["Authorization"] == "Bearer k"
    assert body["model"] == "medical-ie"
    assert body["messages"] == [{"role": "user", "content": SECRET}]
    assert (body["temperature"], body["seed"], body["max_tokens"], body["logprobs"]) == (0, 0, 99, True)
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "object"}, "strict": True}


async def test_the_trace_goes_on_to_the_model_server(server: Any) -> None:
    server.says(CHAT, completion())
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "site=1"}
    with passing_on(trace):
        await complete(server, api_key="k")
    await complete(server)
    traced, untraced = (headers for _, headers, _ in server.seen)
    assert trace.items() <= traced.items()
    assert traced["Authorization"] == "Bearer k"
    assert not trace.keys() & untraced.keys()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_url_may_name_the_version_or_not(server: Any, suffix: str) -> None:
    server.says(CHAT, completion())
    async with OpenAiHttp(server.url + suffix, "m") as model:
        assert (await model.complete(REQUEST)).text == "{}"


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://host:port", "/v1"])
async def test_a_url_that_is_none_is_a_fault_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsError):
        OpenAiHttp(url, "m")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ModelRejected),
        (401, ModelRefused),
        (403, ModelRefused),
        (404, ModelRefused),
        (408, ModelUnavailable),
        (413, ModelRejected),
        (422, ModelRejected),
        (429, ModelUnavailable),
        (500, ModelUnavailable),
        (502, ModelUnavailable),
        (503, ModelUnavailable),
        (504, ModelUnavailable),
        (302, ModelRefused),
        (307, ModelRefused),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps({"error": {"message": SECRET, "type": SECRET}}).encode()])
async def test_a_status_is_the_error_that_says_what_to_do(
    server: Any, status: int, error: type[MedieError], body: bytes
) -> None:
    server.says(CHAT, (status, body))
    with pytest.raises(error, match=f"HTTP {status}") as caught:
        await complete(server)
    assert "Miller" not in str(caught.value)


async def test_the_server_s_own_word_for_its_error_is_told(server: Any) -> None:
    server.says(CHAT, (400, b'{"error": {"type": "exceed_context_size_error", "message": "..."}}'))
    with pytest.raises(ModelRejected, match="exceed_context_size_error"):
        await complete(server)


async def test_a_server_that_recovers_is_asked_again(server: Any) -> None:
    server.says(CHAT, (503, b""), (429, b""), completion("fine"))
    assert (await complete(server)).text == "fine"
    assert len(server.seen) == 3


async def test_a_server_that_does_not_recover_is_asked_as_often_as_set(server: Any) -> None:
    server.says(CHAT, (500, b""))
    with pytest.raises(ModelUnavailable):
        await complete(server, attempts=2)
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [400, 401])
async def test_what_asking_again_cannot_mend_is_asked_once(server: Any, status: int) -> None:
    server.says(CHAT, (status, b""))
    with pytest.raises((ModelRejected, ModelRefused)):
        await complete(server)
    assert len(server.seen) == 1


async def test_a_server_that_hangs_is_unavailable_after_the_time_for_an_answer(server: Any) -> None:
    server.says(CHAT, None)
    with pytest.raises(ModelUnavailable, match=r"no answer within 0.2 s"):
        await complete(server, timeout=0.2)


async def test_nobody_at_the_port_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        async with OpenAiHttp(f"http://127.0.0.1:{taken.getsockname()[1]}", "m", backoff=0.0) as model:
            with pytest.raises(ModelUnavailable, match="not reachable"):
                await model.complete(REQUEST)


async def test_a_page_in_the_place_of_json_is_some_proxy_s_and_not_the_model_s(server: Any) -> None:
    server.says(CHAT, (200, b"<html>Sign in</html>"))
    with pytest.raises(ModelUnavailable, match="not JSON"):
        await complete(server)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"1e999",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [7]}',
        b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": "text"}]}',
    ],
)
async def test_json_without_a_text_is_a_strange_answer(server: Any, body: bytes) -> None:
    server.says(CHAT, (200, body))
    with pytest.raises(ModelOutputError):
        await complete(server)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "logprobs", "logprob", "bytes", "token", "usage"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage"]), JSON), JSON)
def test_any_json_is_an_answer_or_a_strange_one(content: dict[str, Any], logprobs: Any) -> None:
    for answer in (content, completion("x", logprobs=logprobs), completion("x", logprobs={"content": [logprobs]})):
        try:
            read = _answer(answer)
        except ModelOutputError:
            continue
        assert isinstance(read.text, str)
        assert all(isinstance(token.logprob, float) for token in read.tokens)


async def test_a_character_spread_over_tokens_stands_with_the_last_of_them(server: Any) -> None:
    first, second = "é".encode()
    entries = [
        {"token": "\ufffd", "bytes": [first], "logprob": -1},
        {"token": "\ufffd", "bytes": [second], "logprob": -2},
    ]
    server.says(CHAT, completion("é", logprobs={"content": entries}))
    assert (await complete(server)).tokens == (Token("", -1.0), Token("é", -2.0))


async def test_no_more_requests_are_in_flight_than_set(server: Any) -> None:
    server.says(CHAT, completion())
    server.gate = threading.Barrier(2)  # answers come in pairs: one alone would wait for ever
    async with OpenAiHttp(server.url, "m", concurrency=2, timeout=20, backoff=0.0) as model:
        answers = await asyncio.gather(*(model.complete(REQUEST) for _ in range(6)))
    assert len(answers) == 6
    async with OpenAiHttp(server.url, "m", concurrency=1, timeout=0.2, backoff=0.0) as model:
        with pytest.raises(ModelUnavailable):
            await asyncio.gather(model.complete(REQUEST), model.complete(REQUEST))


@pytest.mark.parametrize("reply", [(500, SECRET.encode()), (400, SECRET.encode()), (200, SECRET.encode()), None])
async def test_no_note_text_is_in_any_log_or_exception(
    server: Any, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    caplog.set_level(logging.DEBUG)
    server.says(CHAT, reply)
    with pytest.raises(MedieError) as caught:
        await complete(server, timeout=0.3)
    error: BaseException | None = caught.value
    while error is not None:
        assert "Miller" not in repr(error)
        assert not hasattr(error, "request")
        error = error.__context__
    assert "Miller" not in caplog.text


async def test_the_environment_s_proxy_is_not_used(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.says(CHAT, completion("straight"))
    assert (await complete(server)).text == "straight"
