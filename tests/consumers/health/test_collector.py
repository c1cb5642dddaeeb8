"""The loops' state as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from consumers.health import HealthServer, Pace
from consumers.monitor import LoopView, Waiting
from medie_fhir.drift import Drift, Seen
from medie_fhir.errors import Policy
from medie_fhir.metrics import METRICS, OF_PACE, OF_PARTITIONS, Metrics

Serve = Callable[..., HealthServer]
PLACE = {"stage": "extract", "topic": "events", "partition": "3"}


def scraped(server: HealthServer) -> dict[str, list[tuple[dict[str, str], float]]]:
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    read: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            read.setdefault(sample.name, []).append((sample.labels, sample.value))
    return read


def test_every_metric_of_the_table_is_exposed_with_its_labels_and_no_other(
    serve: Serve, view: LoopView, metrics: Metrics
) -> None:
    metrics.outcome("extract", "accepted", "extracted")
    metrics.error("extract", "KeyError", Policy.DEAD_LETTER)
    metrics.terminology({"coded": 1})
    metrics.mapping("default@1.0.0", refused=False)
    drift = Drift(metrics.registry, {"oncology": ("stage",)})
    drift.read(Seen("medical-ie", "oncology", {("stage", True): 1}, (0.9,)))
    drift.shadow("medical-ie-2", "compared", {("stage", "agree"): 1})
    read = scraped(serve(replace(view, waiting=(Waiting("model", 3.5),)), pace=Pace(16, 4, 3, 2, 1.5)))
    ours = {name for name in read if name.startswith("medie_") and not name.endswith("_created")}
    expected = {m.name if not m.buckets else f"{m.name}_count" for m in METRICS}
    assert {name for name in ours if not name.endswith(("_bucket", "_sum"))} == expected
    for metric in METRICS:
        for labels, _ in read[f"{metric.name}_count" if metric.buckets else metric.name]:
            assert set(labels) == set(metric.labels)


def test_the_numbers_are_those_of_the_loops_at_this_moment(serve: Serve, view: LoopView) -> None:
    other = replace(view, stage="publish", running=False, in_flight=0, partitions=())
    read = scraped(serve(replace(view, waiting=(Waiting("model", 3.5),)), other))
    extract, publish = {"stage": "extract"}, {"stage": "publish"}
    assert read["medie_loop_running"] == [(extract, 1), (publish, 0)]
    assert read["medie_in_flight_records"] == [(extract, 5), (publish, 0)]
    assert read["medie_in_flight_bytes"][0] == (extract, 2048)
    assert read["medie_assigned_partitions"] == [(extract, 1), (publish, 0)]
    assert read["medie_paused_partitions"] == [(extract, 1), (publish, 0)]
    assert read["medie_records_finished_total"][0] == (extract, 120)
    assert read["medie_commit_failures_total"][0] == (extract, 1)
    assert read["medie_waiting_seconds"] == [({"stage": "extract", "dependency": "model"}, 3.5)]
    assert read["medie_consumer_lag_records"] == [(PLACE, 30)]
    assert read["medie_watermark_age_seconds"] == [(PLACE, 4.5)]
    assert read["medie_committed_offset"] == [(PLACE, 10)]


def test_what_is_not_known_yet_has_no_sample(serve: Serve, view: LoopView) -> None:
    (partition,) = view.partitions
    blank = replace(partition, position=None, watermark=None, committed=None, end=None, oldest_s=None)
    read = scraped(serve(replace(view, polled_s=float("inf"), partitions=(blank,))))
    assert "medie_loop_polled_age_seconds" not in read
    assert "medie_waiting_seconds" not in read
    assert {m.name for m in OF_PARTITIONS} & set(read) == {"medie_unfinished_records", "medie_watermark_age_seconds"}
    assert read["medie_watermark_age_seconds"] == [(PLACE, 0)]


def test_the_pace_is_that_of_the_server_that_is_written_to(serve: Serve, view: LoopView) -> None:
    read = scraped(serve(view, pace=Pace(most=16, limit=4, running=3, waiting=2, paused_s=1.5)))
    assert [read[metric.name] for metric in OF_PACE] == [[({}, 4)], [({}, 3)], [({}, 2)], [({}, 1.5)]]


def test_where_files_are_written_there_is_no_pace(serve: Serve, view: LoopView) -> None:
    assert not {metric.name for metric in OF_PACE} & set(scraped(serve(view)))


@pytest.mark.parametrize("accept", ["", "text/plain;version=0.0.4", "*/*"])
def test_prometheus_text_is_the_default(serve: Serve, view: LoopView, accept: str) -> None:
    answer = httpx.get(f"{serve(view).url}/metrics", headers={"Accept": accept}, trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("more", ["", ";version=1.0.0,text/plain;q=0.5", ";version=abc", f";version={'9' * 5000}"])
def test_openmetrics_is_given_where_asked(serve: Serve, view: LoopView, more: str) -> None:
    accept = {"Accept": f"application/openmetrics-text{more}"}
    answer = httpx.get(f"{serve(view).url}/metrics", headers=accept, trust_env=False)
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name for family in openmetrics.text_string_to_metric_families(answer.text)}
    assert {"medie_consumer_lag_records", "medie_commits"} <= families
