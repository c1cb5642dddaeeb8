"""The routes that the settings name: for each a pipeline of its own task and mapping, over the same servers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from medie_fhir.adapters.watched import WatchedModel
from medie_fhir.configuration import Configuration, read_task
from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task
from medie_fhir.model_servers import open_served
from medie_fhir.pipeline import Pipeline
from medie_fhir.reading import MODEL
from medie_fhir.routing import Fit
from medie_fhir.settings import Route, Settings
from medie_fhir.watched_pipeline import WatchedPipeline

__all__ = ["open_routes", "route_configurations"]


def route_configurations(settings: Settings) -> tuple[Configuration, ...]:
    """What each route names, loaded and checked. Raises as :class:`Configuration`, and SettingsError."""
    made = tuple(Configuration(_of(settings, route)) for route in settings.routes)
    own = read_task(settings) if made else None
    names = [own.name if own else "", *(configuration.task.name for configuration in made)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(
            f"routes: {', '.join(twice)} is named several times: a record is published by the mapping of its task, so"
            " each task has one route, or is the settings' own"
        )
    for number, (route, configuration) in enumerate(zip(settings.routes, made, strict=True)):
        asked = route.model is None and MODEL in settings.readers
        if asked and own is not None and configuration.task.adapter != own.adapter:
            raise SettingsError(
                f"routes.{number}.model: name the adapter that has learned the questions of"
                f" '{configuration.task.adapter}': that of the other notes has learned those of '{own.adapter}'"
            )
        if route.model is not None and settings.model.base_url is None:
            raise SettingsError(f"routes.{number}.model: needs model.base_url: the embedded model has one adapter")
    return made


async def open_routes(
    settings: Settings, pipeline: WatchedPipeline, stack: AsyncExitStack, *, with_model: bool = True
) -> None:
    """Open what the routes need, until ``stack`` is closed, and give the pipeline its routes."""
    fits, others = list[Fit](), dict[str, Pipeline]()
    configurations = route_configurations(settings)
    tasks = [pipeline.task, *(configuration.task for configuration in configurations)]
    for route, configuration in zip(settings.routes, configurations, strict=True):
        model = pipeline.model
        if route.model is not None and with_model:
            asked = settings.model.model_copy(update={"name": route.model, "adapters": None})
            served = await stack.enter_async_context(open_served(settings.model_copy(update={"model": asked}), None))
            model = WatchedModel(served, counted_by=pipeline.model)
        shared = _shared(configuration.task, tasks) if route.also else frozenset[str]()
        others[configuration.task.name] = other = Pipeline(
            task=configuration.task,
            rules=configuration.rules,
            cues=configuration.cues,
            tables=configuration.tables,
            mapping=configuration.mapping,
            model=model,
            source=pipeline.source,
            target=pipeline.target,
            clock=pipeline.clock,
            options=replace(pipeline.options, shared_fields=shared),
            telemetry=pipeline.telemetry,
            lexicon=configuration.lexicon,
            calibration=configuration.calibration,
        )
        other.ask(model.pinned())
        fits.append(_fit(route, configuration.task.name))
    pipeline.route(tuple(fits), others)


def _of(settings: Settings, route: Route) -> Settings:
    own = {name: getattr(route, name) for name in ("task", "mapping", "terminology", "site_terminology")}
    return settings.model_copy(update={**own, "routes": ()})


def _shared(task: Task, tasks: Iterable[Task]) -> frozenset[str]:
    """The task's fields that another task has by the same name, and may mean by it what it likes."""
    return frozenset(name for other in tasks if other.name != task.name for name in task.fields if name in other.fields)


def _fit(route: Route, task: str) -> Fit:
    patients = _patients(route.patients) if route.patients else frozenset()
    kinds = {name: frozenset(getattr(route, name)) for name in ("types", "categories", "practice_settings", "authors")}
    return Fit(task=task, also=route.also, patients=patients, **kinds)


def _patients(path: Path) -> frozenset[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8") from None
    found = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not found:
        raise SettingsError(f"{path}: names no patient: the route would take none, or every note")
    return found
