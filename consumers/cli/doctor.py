"""``medie-fhir doctor``: is what we depend on reachable, of a fit version, and if not, what to do."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.table import Table

from consumers.cli.doctor_write import what_became
from consumers.cli.options import Config, out, run_async, settings_of
from consumers.kafka_broker import KafkaBroker
from medie_fhir.adapters.out_folder import fit
from medie_fhir.configuration import Configuration
from medie_fhir.errors import (
    FhirForbidden,
    FhirRejected,
    FhirUnauthorized,
    MedieError,
    ModelRefused,
    Policy,
    TerminologyRefused,
)
from medie_fhir.fhir_servers import is_asked, open_source, open_target, proven, strategy_of
from medie_fhir.model import Json
from medie_fhir.model_servers import check_learned, open_model
from medie_fhir.ports import FhirServer
from medie_fhir.routes import route_configurations
from medie_fhir.settings import Settings
from medie_fhir.terminology_server import open_terminology

__all__ = ["doctor"]

_CONFIGURATION_IS_WRONG = 1
_NOT_REACHABLE = 3
_PATIENCE_S = 5.0
_ANSWER_S = 15.0  # for what a person waits for; the consumers' own patience is minutes


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write a marked probe (a Device, no patient) to the FHIR server, and look.")
    ] = False,
    config: Config = None,
) -> None:
    """Check Kafka, the FHIR server, the model, the mapping: reachable, version, fit, and what to do."""
    settings = settings_of(config)
    KafkaBroker.of(settings.kafka)  # settings that contradict each other are wrong use, here as in `run`
    logging.disable()  # each check has its own line, which says it all
    try:
        results = run_async(_all(settings, write=write))
    finally:
        logging.disable(logging.NOTSET)
    if as_json:
        for name, ok, found in results:
            typer.echo(json.dumps({"check": name, "ok": ok, "found": found}, ensure_ascii=False))
    else:
        table = Table("check", "", "found")
        for name, ok, found in results:
            table.add_row(name, "ok" if ok else "NOT OK", found)
        out.print(table)
    broken = {name for name, ok, _ in results if not ok}
    if broken:
        raise typer.Exit(_NOT_REACHABLE if broken - {"mapping"} else _CONFIGURATION_IS_WRONG)


async def _all(settings: Settings, *, write: bool) -> list[tuple[str, bool, str]]:
    checks: dict[str, Callable[[Settings], Awaitable[str]]] = {
        "mapping": _mapping,
        "kafka": _kafka,
        "fhir server": _fhir,
        **({"fhir write": _write} if write else {}),
        **({"source server": _source} if settings.fhir.source_base_url else {}),
        **({"terminology server": _terminology} if settings.terminology_server.base_url else {}),
        "model": _model,
        "adapter": _adapter,
    }
    results: list[tuple[str, bool, str]] = []
    hasty = _hasty(settings)
    for name, check in checks.items():
        if name == "fhir write" and not results[-1][1]:
            results.append((name, False, "not tried: first mend what the line of the fhir server says"))
            continue
        try:
            results.append((name, True, await check(hasty)))
        except MedieError as error:
            results.append((name, False, f"{type(error).__name__}: {error}{_advice(name, error, settings)}"))
    return results


def _hasty(settings: Settings) -> Settings:
    """The same, but asked once and not for long: a server that hangs is told, and not waited for in silence."""
    fhir = {"timeout_seconds": min(settings.fhir.timeout_seconds, _ANSWER_S), "attempts": 1}
    model = {"timeout_seconds": min(settings.model.timeout_seconds, _ANSWER_S)}
    terminology = {"timeout_seconds": min(settings.terminology_server.timeout_seconds, _ANSWER_S), "attempts": 1}
    return settings.model_copy(
        update={
            "fhir": settings.fhir.model_copy(update=fhir),
            "model": settings.model.model_copy(update=model),
            "terminology_server": settings.terminology_server.model_copy(update=terminology),
        }
    )


def _advice(name: str, error: MedieError, settings: Settings) -> str:
    """Where it was asked and what to look at, where a server gave no answer of use."""
    fhir = settings.fhir
    target = ("fhir.base_url", fhir.base_url, "fhir.auth", "bearer" if fhir.token else fhir.auth.kind)
    source = "bearer" if fhir.source_token else fhir.source_auth.kind
    model = ("model.base_url", settings.model.base_url, "model.api_key", "set" if settings.model.api_key else "none")
    where = {
        "fhir server": target,
        "fhir write": target,
        "source server": ("fhir.source_base_url", fhir.source_base_url, "fhir.source_auth", source),
        "model": model,
        "adapter": model,
        "terminology server": (
            "terminology_server.base_url",
            settings.terminology_server.base_url,
            "terminology_server.auth",
            "bearer" if settings.terminology_server.token else settings.terminology_server.auth.kind,
        ),
    }
    setting, url, login, kind = where.get(name, ("", None, "", ""))
    match error:
        case FhirUnauthorized() | FhirForbidden() | TerminologyRefused() if login:
            return f". Our login is what {login} says, now: {kind}"
        case FhirRejected() if url and name != "fhir write":  # the CapabilityStatement is at every FHIR server's base
            return f". Is {setting} right: {url}?"
        case _ if url and error.policy is Policy.RETRY:
            return f". Is it up, and {setting} right: {url}?"
    return ""


async def _mapping(settings: Settings) -> str:
    loaded = Configuration(settings)
    return "; by a route: ".join(
        f"{each.mapping.label}, {len(each.mapping.file.templates)} templates, for task {each.task.label}"
        for each in (loaded, *route_configurations(settings))
    )


async def _kafka(settings: Settings) -> str:
    kafka = settings.kafka
    topics = [kafka.events, kafka.extractions, kafka.dead_letters, *([kafka.bundles] if kafka.bundles else [])]
    broker = KafkaBroker.of(kafka, bootstrap_timeout_s=_PATIENCE_S)
    warnings = await asyncio.to_thread(broker.examine, kafka.model_copy(update={"create_topics": False}))
    return "; ".join([f"{kafka.bootstrap_servers}: topics {', '.join(topics)}", *(f"mend: {w}" for w in warnings)])


async def _fhir(settings: Settings) -> str:
    if settings.fhir.bundles is not None:
        fit(settings.fhir.bundles)  # only looked at: a consumer that runs has it for itself
        files = f"{settings.fhir.bundles_format} files go to the folder {settings.fhir.bundles}"
        return f"none is written to, so none was asked: {files}{_shadow(settings)}"
    if settings.kafka.bundles is not None:
        topic = f"Bundles go to the topic {settings.kafka.bundles}"
        return f"none is written to, so none was asked: {topic}{_shadow(settings)}"
    login = await proven(settings, target=True)
    async with open_target(settings) as target:
        statement = await _statement(target, settings)
    software = statement.get("software", {})
    version = statement.get("fhirVersion", "unknown")
    named = " ".join(filter(None, (software.get("name"), software.get("version")))) or "unnamed"
    return f"{settings.fhir.base_url}: {named}, FHIR {version}; {await strategy_of(settings)}; {login}"


async def _statement(target: FhirServer, settings: Settings) -> Json:
    """The CapabilityStatement; nothing where the server doesn't show it and the settings say what it would."""
    try:
        return await target.capabilities()
    except (FhirForbidden, FhirRejected):
        if "auto" in (settings.fhir.identity, settings.fhir.sending):
            raise
        return {}


async def _write(settings: Settings) -> str:
    if not is_asked(settings):
        return "none: there is no server to write to, and nothing was put into files or on the topic"
    async with open_target(settings) as target:
        return await what_became(target)


def _shadow(settings: Settings) -> str:
    shadow = settings.fhir.shadow
    return f", remembered in {shadow}" if shadow else "; what no longer holds is not taken back: set fhir.shadow"


async def _source(settings: Settings) -> str:
    login = await proven(settings, target=False)
    async with open_source(settings) as source:
        statement = await source.capabilities()
    return f"{settings.fhir.source_base_url}: FHIR {statement.get('fhirVersion', 'unknown')}; {login}"


async def _terminology(settings: Settings) -> str:
    fields = Configuration(settings).task.fields
    async with open_terminology(settings, fields) as terminology:
        assert terminology is not None  # noqa: S101 - it is checked where the settings name it
        await terminology.http.probe()
        missing = await terminology.http.missing()
    asked = settings.terminology_server.fields
    told = ", ".join(f"{name} by ${question.operation}" for name, question in asked.items())
    lacks = f"; look whether it holds {', '.join(missing)}: no search finds them" if missing else ""
    return f"{settings.terminology_server.base_url}: asked for {told}{lacks}"


async def _model(settings: Settings) -> str:
    async with open_model(settings) as model:
        described = await model.describe()
    return f"{settings.model.base_url or 'embedded'}: {described.model}, {described.server or 'server unnamed'}"


async def _adapter(settings: Settings) -> str:
    task = Configuration(settings).task
    check_learned(settings, task)
    async with open_model(settings) as model:
        described = await model.describe()
    if described.adapter is None:
        raise ModelRefused(
            f"the server names no LoRA adapter behind '{settings.model.name}': the task {task.name} expects one trained"
            f" as '{task.adapter}'; serve it as a LoRA module, or set model.name"
        )
    digest = f", sha256 {described.adapter_digest[:16]}" if described.adapter_digest else ""
    return f"{described.adapter}{digest}, asked for as '{settings.model.name}'"
