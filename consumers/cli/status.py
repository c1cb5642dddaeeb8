"""``medie-fhir status``: how far the consumers are, asked of themselves, or of the broker where none answers.

Exit codes: 0 all answered, 1 some or all didn't and the rest or the broker did, 3 neither consumers nor broker did.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer
from pydantic import ValidationError

from consumers.broker import Broker
from consumers.cli.options import Config, out, run_async, settings_of
from consumers.cli.status_views import GroupProgress, Look, look_as_json, show_consumers, show_progress
from consumers.health import Status
from consumers.kafka_broker import KafkaBroker
from medie_fhir.errors import MedieError
from medie_fhir.settings import KafkaSettings, Settings

__all__ = ["Heard", "ask", "progress_of", "status"]

_BETWEEN_S = 1.0  # two looks, for the rates
_TIMEOUT_S = 5.0
_SOME_SILENT = 1
_NOT_REACHABLE = 3


@dataclass(frozen=True, slots=True)
class Heard:
    """What a consumer answered, and when on this process's clock; or why it didn't."""

    url: str
    at: float
    status: Status | None = None
    why: str = ""


def status(
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL", help="Consumers to ask; default: this machine's, at health.port."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a look.")] = False,
    watch: Annotated[float | None, typer.Option(min=0.1, help="Look again every so many seconds.")] = None,
    config: Config = None,
) -> None:
    """Show how far the consumers are: lag, rate, what is in flight, what they wait for."""
    settings = settings_of(config)
    logging.disable()  # what can't be reached has its own line, which says it all
    try:
        code = run_async(_looks([_url(url) for url in urls or _ours(settings)], settings, as_json=as_json, watch=watch))
    finally:
        logging.disable(logging.NOTSET)
    if code:
        raise typer.Exit(code)


async def _looks(urls: list[str], settings: Settings, *, as_json: bool, watch: float | None) -> int:
    before = await ask(urls)
    wait = _BETWEEN_S
    while True:
        now = before
        if any(heard.status for heard in before):
            await asyncio.sleep(wait)
            now = await ask(urls)
        groups, why = await _asked_of_broker(settings, now)
        if as_json:
            typer.echo(json.dumps(_as_json(before, now, groups, why), ensure_ascii=False))
        else:
            _show(before, now, groups, why)
        if watch is None:
            return _code(now, groups)
        if not any(heard.status for heard in now):
            await asyncio.sleep(watch)
            now = await ask(urls)
        before, wait = now, watch


async def ask(urls: list[str]) -> list[Heard]:
    """What each consumer answers, asked all at once."""
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        return list(await asyncio.gather(*(_ask(client, url) for url in urls)))


async def _ask(client: httpx.AsyncClient, url: str) -> Heard:
    try:
        answer = await client.get(f"{url}/status")
        answer.raise_for_status()
        return Heard(url, time.monotonic(), Status.model_validate_json(answer.content))
    except ValidationError:
        why = "what answers there is no medie-fhir consumer, or one of another version"
    except httpx.HTTPStatusError as error:
        why = f"it answers {error.response.status_code}: no medie-fhir consumer"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = f"no answer ({type(error).__name__})"
    return Heard(url, time.monotonic(), why=why)


def progress_of(broker: Broker, kafka: KafkaSettings) -> list[GroupProgress]:
    """What the broker alone knows of both stages. Raises BrokerError."""
    stages = (("extract", kafka.events), ("publish", kafka.extractions))
    return [
        GroupProgress(stage, place, committed, end)
        for stage, topic in stages
        for place, (committed, end) in sorted(broker.progress(topic, f"{kafka.group}-{stage}").items())
    ]


async def _asked_of_broker(settings: Settings, heard: list[Heard]) -> tuple[list[GroupProgress] | None, str]:
    """The groups' progress where no consumer answers, or why there is none."""
    if any(each.status for each in heard):
        return None, ""
    kafka = settings.kafka
    broker = KafkaBroker.of(kafka, bootstrap_timeout_s=_TIMEOUT_S)
    try:
        return await asyncio.to_thread(progress_of, broker, kafka), ""
    except MedieError as error:
        return None, f"{type(error).__name__}: {error}"


def _show(before: list[Heard], now: list[Heard], groups: list[GroupProgress] | None, why: str) -> None:
    if out.is_terminal:
        out.clear()
    for heard in now:
        if heard.status is None:
            out.print(f"{heard.url}: {heard.why}", highlight=False)
    if not now:
        out.print("The settings name no health.port to ask at: give a URL.", highlight=False)
    show_consumers(filter(None, map(_look, before, now)))
    if groups is not None:
        show_progress(groups)
    elif why:
        out.print(f"Kafka: {why}", highlight=False)


def _as_json(before: list[Heard], now: list[Heard], groups: list[GroupProgress] | None, why: str) -> dict[str, Any]:
    """All of it. ``per_s``: what was finished a second between the two looks; ``broker``: where none answered."""
    consumers = []
    for old, new in zip(before, now, strict=True):
        look = _look(old, new)
        told = {"url": new.url, "answered": look is not None}
        consumers.append(told | (look_as_json(look) if look else {"why": new.why}))
    broker = None if groups is None else [group.as_json() for group in groups]
    return {"consumers": consumers, "broker": broker} | ({"broker_why": why} if why else {})


def _look(before: Heard, now: Heard) -> Look | None:
    return None if now.status is None else Look(now.url, before.status, now.status, now.at - before.at)


def _code(heard: list[Heard], groups: list[GroupProgress] | None) -> int:
    if heard and all(each.status for each in heard):
        return 0
    return _SOME_SILENT if groups is not None or any(each.status for each in heard) else _NOT_REACHABLE


def _ours(settings: Settings) -> list[str]:
    """Where this machine's consumer listens, if it says."""
    health = settings.health
    if not health.port:
        return []
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(health.host, health.host)  # noqa: S104 - not to listen on
    return [f"http://{host}:{health.port}"]


def _url(given: str) -> str:
    url = given if "://" in given else f"http://{given}"
    return url.rstrip("/").removesuffix("/status")
