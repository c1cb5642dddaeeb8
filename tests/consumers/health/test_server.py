"""What an orchestrator and an operator are told over HTTP, of loops that show a given state."""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from consumers.health import HealthServer, Status, Viewed
from consumers.monitor import LoopView, MappingInUse, Waiting
from medie_fhir.errors import Policy, SettingsError
from medie_fhir.metrics import Metrics
from medie_fhir.settings import HealthSettings

Serve = Callable[..., HealthServer]


def get(server: HealthServer, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers=headers, trust_env=False, timeout=10)


def test_a_loop_that_comes_round_is_alive_and_ready(serve: Serve, view: LoopView) -> None:
    server = serve(view)
    live, ready = get(server, "/livez"), get(server, "/readyz")
    assert (live.status_code, ready.status_code) == (200, 200)
    assert live.json() == {
        "ok": True,
        "loops": [{"stage": "extract", "running": True, "polled_s": 0.2, "heartbeat_s": 0.1, "why": None}],
    }
    assert ready.json() == {"ok": True, "waiting": [], "why": []}


def test_a_member_without_partitions_is_ready(serve: Serve, view: LoopView) -> None:
    assert get(serve(replace(view, partitions=())), "/readyz").status_code == 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"running": False}, "has ended"),
        ({"polled_s": 91.0}, "consumer's thread has not come round for 91 s"),
        ({"heartbeat_s": 91.0}, "event loop has not come round for 91 s"),
    ],
)
def test_one_loop_that_is_dead_or_stuck_makes_the_process_neither_alive_nor_ready(
    serve: Serve, view: LoopView, change: dict[str, float], why: str
) -> None:
    server = serve(view, replace(view, stage="publish", **change))  # type: ignore[arg-type]
    live = get(server, "/livez")
    assert live.status_code == 503
    told = {loop["stage"]: loop["why"] for loop in live.json()["loops"]}
    assert told["extract"] is None
    assert why in told["publish"]
    ready = get(server, "/readyz")
    assert ready.status_code == 503
    assert why in ready.json()["why"][0]


def test_how_long_a_loop_may_be_silent_is_a_setting(serve: Serve, view: LoopView) -> None:
    assert get(serve(replace(view, polled_s=8.0), stuck_after_seconds=9), "/livez").status_code == 200
    assert get(serve(replace(view, polled_s=10.0), stuck_after_seconds=9), "/livez").status_code == 503


def test_a_loop_that_has_not_polled_yet_is_alive_and_not_ready(serve: Serve, view: LoopView) -> None:
    server = serve(replace(view, polled_s=math.inf))
    assert get(server, "/livez").json()["loops"][0]["polled_s"] is None
    assert get(server, "/livez").status_code == 200
    assert get(server, "/readyz").json()["why"] == ["extract: it has not polled yet"]


def test_a_refused_edit_of_the_mapping_is_told_with_its_faults_and_it_stays_ready(serve: Serve, view: LoopView) -> None:
    used = MappingInUse("default@1.0.0#0123456789abcdef", ("mine.yaml:16:9: colour: no such key",))
    ready = get(serve(view, mapping=used), "/readyz")
    assert ready.status_code == 200
    assert ready.json()["mapping"] == {"label": used.label, "refused": ["mine.yaml:16:9: colour: no such key"]}


def test_an_outage_makes_it_not_ready_and_names_the_dependency_and_for_how_long(serve: Serve, view: LoopView) -> None:
    server = serve(replace(view, waiting=(Waiting("model", 312.4),)))
    assert get(server, "/livez").status_code == 200
    ready = get(server, "/readyz")
    assert ready.status_code == 503
    assert ready.json()["waiting"] == [{"stage": "extract", "dependency": "model", "seconds": 312.4}]
    assert ready.json()["why"] == ["extract: model is away for 312 s"]


def test_while_it_stops_it_is_not_ready_and_a_loop_that_has_ended_is_no_fault(serve: Serve, view: LoopView) -> None:
    server = serve(view, replace(view, stage="publish", running=False))
    server.stopping()
    assert get(server, "/livez").status_code == 200
    assert get(server, "/readyz").json()["why"] == ["it is stopping"]


def test_until_the_end_a_loop_that_has_ended_before_the_other_is_no_fault(
    view: LoopView, shown: Callable[[LoopView], Viewed], metrics: Metrics
) -> None:
    loops = [shown(replace(view, running=False)), shown(replace(view, stage="publish"))]
    with HealthServer(HealthSettings(port=0), loops, metrics, until_end=True) as server:
        assert get(server, "/livez").status_code == 200
        assert get(server, "/readyz").status_code == 200


def test_the_status_is_everything_that_the_loops_show_and_that_was_counted(
    serve: Serve, view: LoopView, metrics: Metrics
) -> None:
    metrics.outcome("extract", "skipped", "image")
    metrics.error("extract", "ModelUnavailable", Policy.RETRY)
    metrics.dead_letter("extract", "NotJson")
    metrics.tokens(9, 4)
    answer = get(serve(replace(view, waiting=(Waiting("model", 3.5),))), "/status")
    status = Status.model_validate_json(answer.content)
    (loop,) = status.loops
    (partition,) = loop.partitions
    assert (loop.in_flight, loop.in_flight_bytes, loop.struggling, loop.waiting) == (
        5,
        2048,
        1,
        (Waiting("model", 3.5),),
    )
    assert (loop.finished, loop.retries, loop.rebalances, loop.commits, loop.commit_failures) == (120, 7, 2, 30, 1)
    assert partition.model_dump() == {
        "topic": "events",
        "partition": 3,
        "position": 17,
        "watermark": 12,
        "committed": 10,
        "end": 42,
        "lag": 30,
        "unfinished": 5,
        "oldest_s": 4.5,
        "paused": True,
    }
    assert [(c.labels["detail"], c.count) for c in status.outcomes] == [("image", 1)]
    assert [(c.labels["error"], c.count) for c in status.errors] == [("ModelUnavailable", 1)]
    assert [(c.labels["error"], c.count) for c in status.dead_letters] == [("NotJson", 1)]
    assert {c.labels["kind"]: c.count for c in status.tokens} == {"prompt": 9, "completion": 4}


def test_without_a_port_nothing_is_served(serve: Serve, view: LoopView) -> None:
    server = serve(view, port=None)
    assert (server.port, server.url) == (None, None)


def test_a_port_that_is_taken_is_named_with_its_setting(view: LoopView, metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"health\.port: 127\.0\.0\.1:{port} .*in use.*MEDIE_HEALTH__PORT"):
            HealthServer(HealthSettings(port=port), [], metrics).__enter__()


def test_a_host_that_is_not_ours_is_named(metrics: Metrics) -> None:
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:0 .*health\.host"):
        HealthServer(HealthSettings(host="192.0.2.1", port=0), [], metrics).__enter__()


def test_it_ends_with_its_block_and_can_begin_again(view: LoopView, metrics: Metrics) -> None:
    server = HealthServer(HealthSettings(port=0), [], metrics)
    for _ in range(2):
        with server:
            address = ("127.0.0.1", server.port)
            assert get(server, "/metrics").status_code == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_a_loop_that_can_not_be_looked_at_is_a_failed_probe_and_its_text_is_not_shown(
    serve: Serve, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def view(self) -> LoopView:
            raise RuntimeError("Zyxomunda")

    with HealthServer(HealthSettings(port=0), [Broken()], metrics) as server:
        answers = [get(server, path) for path in ("/livez", "/readyz", "/metrics", "/status")]
    assert [answer.status_code for answer in answers] == [500] * 4
    assert "Zyxomunda" not in "".join(answer.text for answer in answers) + caplog.text


def test_nothing_but_fixed_words_names_and_numbers_is_shown(serve: Serve, view: LoopView, metrics: Metrics) -> None:
    for text in ("Zyxomunda", "Patient/qwolvarcoma", "brixolated, stage IV"):
        metrics.outcome("extract", text, text)
        metrics.error("extract", text, Policy.DEAD_LETTER)
        metrics.dead_letter("extract", text)
    server = serve(view)
    shown = "".join(get(server, path).text for path in ("/livez", "/readyz", "/metrics", "/status"))
    assert not re.search("zyxomunda|qwolvarcoma|brixolated|stage IV", shown, re.IGNORECASE)
    counted = json.loads(get(server, "/status").text)
    assert [entry["labels"]["error"] for entry in counted["errors"]] == ["other"]
