"""Settings → adapters → pipeline: the one place where the world is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr, ValidationError

from medie_fhir.adapters.cached_model import CachedModel
from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.adapters.model_files import ADAPTER, BASE, LEARNED, locate
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.adapters.referring import Referring
from medie_fhir.adapters.shadowed import Closing
from medie_fhir.adapters.unwritten import Unwritten
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.coding import Tables, load_tables
from medie_fhir.document import TextLimits
from medie_fhir.errors import InvalidTask, ModelRefused, SettingsError
from medie_fhir.event import EventOptions
from medie_fhir.extraction import Task, load_task
from medie_fhir.fhir_servers import is_asked, open_source, open_target
from medie_fhir.grounding import AlignRules, Cues, load_cues
from medie_fhir.mapping import Mapping, load_mapping
from medie_fhir.pipeline import Options, Pipeline
from medie_fhir.ports import FhirServer, ModelAnswer, ModelDescription, ModelRequest, ModelServer
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.subjects import SubjectOptions
from medie_fhir.telemetry import Telemetry
from medie_fhir.terminology_server import AskedTerminology, open_terminology
from medie_fhir.transaction import SourceDocuments

__all__ = [
    "Configuration",
    "SystemClock",
    "WatchedPipeline",
    "assemble_pipeline",
    "check_learned",
    "mapping_path",
    "open_model",
    "open_pipeline",
    "read_mapping",
    "read_tables",
    "read_task",
    "terminology_of",
]


_EMBEDDED_TIMEOUT_SECONDS = 600.0  # it takes one request at a time, on a machine that may be busy with others


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)


class Configuration:
    """What the settings name, loaded and checked: task, cues, terminology tables, mapping.

    Raises InvalidTask, InvalidTerminology, InvalidMapping, SettingsError.
    """

    def __init__(self, settings: Settings) -> None:
        self.task: Task = read_task(settings)
        self.rules = _rules(self.task)
        self.cues: Cues = load_cues(_read(shipped("schemas", "context", "cues.csv")))
        self.mapping: Mapping = read_mapping(settings, self.task)
        self.tables: Tables = read_tables(settings, self.task, self.mapping)


def read_task(settings: Settings) -> Task:
    """The task that the settings name. Raises InvalidTask, SettingsError."""
    return load_task(_read(_named(settings.task, "schemas", "tasks")))


def read_mapping(settings: Settings, task: Task) -> Mapping:
    """The mapping that the settings name, as its file is now. Raises InvalidMapping, SettingsError."""
    path = mapping_path(settings)
    return load_mapping(_read(path), path.name, task.fields, task=task.name)


def read_tables(settings: Settings, task: Task, mapping: Mapping) -> Tables:
    """The terminology tables that settings and mapping name, as their files are now. Raises InvalidTerminology."""
    return load_tables(terminology_of(settings, mapping), settings.site_terminology, fields=task.fields)


def mapping_path(settings: Settings) -> Path:
    """Where the mapping's file is."""
    return _named(settings.mapping, "mappings")


def terminology_of(settings: Settings, mapping: Mapping) -> Path:
    """The folder of tables: the settings', else the one that the mapping names beside itself, else the shipped one."""
    if settings.terminology is not None:
        return settings.terminology
    if mapping.file.terminology is not None:
        return mapping_path(settings).parent / mapping.file.terminology
    return shipped("mappings", "terminology")


def _rules(task: Task) -> dict[str, AlignRules]:
    """How each field's values are sought in a note: the task file's ``grounding``, which grounding itself reads."""
    rules, faults = {}, []
    for name, field in task.fields.items():
        try:
            rules[name] = AlignRules.model_validate(field.grounding)
        except ValidationError as error:
            places = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_input=False)]
            faults += [f"fields.{name}.grounding.{place}: {what}" for place, what in places]
    if faults:
        raise InvalidTask("\n".join(faults))
    return rules


def _named(name: str, kind: str, *folder: str) -> Path:
    """A shipped file by its bare name, or any file by its path."""
    path = Path(name)
    if path.suffix:
        return path
    found = shipped(kind, *folder, f"{name}.yaml")
    if not found.is_file():
        known = ", ".join(sorted(other.stem for other in found.parent.glob("*.yaml")))
        raise SettingsError(f"{name}: none that is shipped ({known}); a file is named with its ending, {name}.yaml")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror or 'no such file'}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8") from None


def check_learned(settings: Settings, task: Task) -> None:
    """Raise SettingsError where the embedded model would be asked what it has not learned, and would say anything."""
    if settings.model.base_url is None and task.adapter != LEARNED:
        raise SettingsError(
            f"model.base_url: the embedded model has learned the questions of '{LEARNED}', and the task {task.name}"
            f" asks those of '{task.adapter}': name a server that has learned them"
        )


@asynccontextmanager
async def open_model(settings: Settings) -> AsyncIterator[ModelServer]:
    """The model server that the settings name, or the embedded model, started. Raises DependencyMissing."""
    model = settings.model
    async with AsyncExitStack() as stack:
        if model.base_url is None:
            embedded = stack.enter_context(LlamaCpp(locate(BASE.name), locate(ADAPTER.name), name=model.name))
            client = OpenAiHttp(
                embedded.url,
                model.name,
                api_key=embedded.api_key,
                timeout=_EMBEDDED_TIMEOUT_SECONDS,
                concurrency=1,
                known=embedded.description,
            )
        else:
            client = OpenAiHttp(
                model.base_url,
                model.name,
                api_key=_secret(model.api_key),
                timeout=model.timeout_seconds,
                concurrency=model.concurrency,
            )
        stack.push_async_callback(client.aclose)
        if model.cache is None:
            yield client
            return
        cached = CachedModel(client, model.cache, mebibytes=model.cache_mebibytes)
        stack.push_async_callback(cached.aclose)
        yield cached


def _secret(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@asynccontextmanager
async def open_pipeline(
    settings: Settings,
    *,
    with_model: bool = True,
    with_target: bool = True,
    dry: bool = False,
    telemetry: Telemetry | None = None,
    topic: Closing | None = None,
    configuration: Configuration | None = None,
) -> AsyncIterator[WatchedPipeline]:
    """The pipeline that the settings describe. ``with_model=False``: for publishing alone, no model is started.

    ``with_target=False``: for extracting alone, what is written to is not opened; a folder is for one process only.
    ``dry``: what is written to is read alone, and nothing is sent; what refers to nothing there is refused.
    ``topic``: where Bundles go, where the settings name one. ``configuration``: what they name, where it is loaded.
    """
    configuration = configuration or Configuration(settings)
    if with_model:
        check_learned(settings, configuration.task)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(open_source(settings))
        target = await stack.enter_async_context(open_target(settings, topic)) if with_target else source
        if dry:
            target = Referring(Unwritten(target)) if is_asked(settings) else Unwritten(target)
        model = await stack.enter_async_context(open_model(settings)) if with_model else _NoModel()
        terminology = await stack.enter_async_context(open_terminology(settings, configuration.task.fields))
        yield assemble_pipeline(
            settings,
            configuration,
            model=model,
            source=source,
            target=target,
            telemetry=telemetry,
            terminology=terminology,
        )


class _NoModel:
    """Stands where a program that only publishes has no model."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Refuse: nothing is extracted here."""
        del request
        raise ModelRefused("this program only publishes; it has no model")

    async def describe(self) -> ModelDescription:
        """Refuse: nothing is extracted here."""
        raise ModelRefused("this program only publishes; it has no model")


class WatchedPipeline(Pipeline):
    """A pipeline whose servers' work is counted (``pipeline.model.worked``).

    ``written`` is what counts for the target, ``pace`` what its transactions wait for; none for files and a topic.
    """

    model: WatchedModel
    source: WatchedSource
    written: WatchedTarget
    pace: PacedFhir | None
    terminology: AskedTerminology | None


def assemble_pipeline(
    settings: Settings,
    configuration: Configuration,
    *,
    model: ModelServer,
    source: FhirServer,
    target: FhirServer,
    telemetry: Telemetry | None = None,
    terminology: AskedTerminology | None = None,
) -> WatchedPipeline:
    """A pipeline over given servers, with the settings' knobs."""
    notes, fhir, asked = settings.notes, settings.fhir, is_asked(settings)
    written = WatchedTarget(target)
    pace = None
    if asked:
        most, entries, size = fhir.concurrency, fhir.max_bundle_entries, fhir.max_bundle_bytes
        pace = PacedFhir(written, most=most, max_entries=entries, max_bytes=size)
    pipeline = WatchedPipeline(
        task=configuration.task,
        rules=configuration.rules,
        cues=configuration.cues,
        tables=configuration.tables,
        mapping=configuration.mapping,
        model=WatchedModel(model),
        source=WatchedSource(source),
        target=pace or written,
        clock=SystemClock(),
        options=Options(
            events=EventOptions(preliminary=notes.preliminary, server=fhir.source_base_url or fhir.base_url),
            limits=TextLimits(max_bytes=notes.max_bytes, max_characters=notes.max_characters),
            triage=settings.model.triage,
            documents=SourceDocuments(fhir.documents, base=fhir.source_base_url or fhir.base_url),
            subjects=SubjectOptions(
                missing=fhir.missing_subject,
                base=fhir.base_url,
                external=fhir.external_subjects,
                guarded=fhir.guarded,
                asks=asked,  # files and topics hold no patients
            ),
            guarded=fhir.guarded and (asked or fhir.shadow is not None),  # else nobody knows what stands
            source=notes.source,
        ),
        telemetry=telemetry,
        terminology=terminology,
    )
    pipeline.written, pipeline.pace = written, pace
    return pipeline
