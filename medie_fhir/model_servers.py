"""The model server that the settings name, or the embedded model, with the adapter that is in use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial

from pydantic import SecretStr

from medie_fhir.adapters.cached_model import CachedModel
from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.adapters.lora import Adapter, LoraModules, OnDemand, Registry, in_use, load_registry, verified
from medie_fhir.adapters.model_files import ADAPTER, BASE, LEARNED, locate
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import DependencyMissing, SettingsError
from medie_fhir.extraction import Task
from medie_fhir.ports import ModelDescription, ModelServer
from medie_fhir.settings import Settings

__all__ = ["adapter_in_use", "check_learned", "open_model", "open_served", "registry_of"]

_EMBEDDED_TIMEOUT_SECONDS = 600.0  # it takes one request at a time, on a machine that may be busy with others
_LOADING_SECONDS = 300.0  # an adapter of an 8B model from a slow disk


def registry_of(settings: Settings) -> Registry:
    """The registry of adapters that the settings name. Raises SettingsError."""
    if settings.model.adapters is None:
        raise SettingsError("model.adapters: names no registry of adapters (docs/adapters.md)")
    return load_registry(settings.model.adapters)


def adapter_in_use(settings: Settings) -> Adapter | None:
    """The adapter that was promoted; None where none was, and ``model.name`` is asked. Raises SettingsError."""
    return in_use(registry_of(settings)) if settings.model.adapters else None


def check_learned(settings: Settings, task: Task, adapter: Adapter | None = None) -> None:
    """Raise SettingsError where a model would be asked what it has not learned, and would say anything.

    Of a server that is asked by ``model.name`` nobody knows what it has learned.
    """
    if adapter := adapter or adapter_in_use(settings):
        if adapter.learned != task.adapter:
            raise SettingsError(
                f"the adapter {adapter.name} has learned the questions of '{adapter.learned}', and the task {task.name}"
                f" asks those of '{task.adapter}'"
            )
    elif settings.model.base_url is None and task.adapter != LEARNED:
        raise SettingsError(
            f"model.base_url: the embedded model has learned the questions of '{LEARNED}', and the task {task.name}"
            f" asks those of '{task.adapter}': name a server that has learned them"
        )


@asynccontextmanager
async def open_model(settings: Settings) -> AsyncIterator[ModelServer]:
    """The model server that the settings name, or the embedded model, started. Raises DependencyMissing."""
    async with open_served(settings, adapter_in_use(settings)) as model:
        yield model


@asynccontextmanager
async def open_served(settings: Settings, adapter: Adapter | None) -> AsyncIterator[ModelServer]:
    """The same with this adapter of the registry; None: with the one that the settings name by themselves.

    A server is asked to load it with the first request, the embedded model is started with it.
    """
    model = settings.model
    async with AsyncExitStack() as stack:
        if model.base_url is None:
            client = stack.enter_context(_embedded(settings, adapter))
            served: ModelServer = await stack.enter_async_context(client)
        else:
            served = await stack.enter_async_context(_served(settings, model.base_url, adapter))
        if model.cache is None:
            yield served
            return
        cached = CachedModel(served, model.cache, mebibytes=model.cache_mebibytes)
        stack.push_async_callback(cached.aclose)
        yield cached


@contextmanager
def _embedded(settings: Settings, adapter: Adapter | None) -> Iterator[OpenAiHttp]:
    """The embedded model, and its client, which is not opened yet."""
    file = verified(adapter, registry_of(settings)) if adapter else locate(ADAPTER.name)
    with LlamaCpp(locate(BASE.name), file, name=settings.model.name) as embedded:
        yield OpenAiHttp(
            embedded.url,
            settings.model.name,
            api_key=embedded.api_key,
            timeout=_EMBEDDED_TIMEOUT_SECONDS,
            concurrency=1,
            known=_known(embedded.description, adapter),
        )


def _known(described: ModelDescription, adapter: Adapter | None) -> ModelDescription:
    """What is told of the embedded model; the file was read again when it was loaded."""
    if adapter is None:
        return described
    if described.adapter_digest != adapter.sha256:
        raise DependencyMissing(f"{adapter.name}: its file was exchanged while it was loaded")
    if described.model != adapter.base:
        raise SettingsError(
            f"{adapter.name}: was trained on {adapter.base}, and the embedded model is {described.model}"
        )
    return replace(described, adapter=adapter.name)


@asynccontextmanager
async def _served(settings: Settings, base_url: str, adapter: Adapter | None) -> AsyncIterator[ModelServer]:
    model, key = settings.model, _secret(settings.model.api_key)
    client = OpenAiHttp(
        base_url,
        adapter.served_as if adapter else model.name,
        api_key=key,
        timeout=model.timeout_seconds,
        per_token=model.seconds_per_token,
        concurrency=model.concurrency,
    )
    async with client:
        if adapter is None:
            yield client
            return
        async with LoraModules(base_url, api_key=key, timeout=_LOADING_SECONDS) as modules:
            yield OnDemand(client, adapter, modules, partial(verified, adapter, registry_of(settings)))


def _secret(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
