"""A FHIR store in one SQLite file, with a server of its own while a command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from consumers.kept_records import is_store
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.settings import FhirAuth, FhirTls, Settings

__all__ = ["at_server", "at_store"]


def at_server(settings: Settings, base_url: str) -> Settings:
    """The settings with a server of this process in the place of all that they say of where to read and write."""
    nobody, plain = FhirAuth(), FhirTls()
    where = {"base_url": base_url, "token": None, "auth": nobody, "tls": plain, "bundles": None, "shadow": None}
    source = {"source_base_url": None, "source_token": None, "source_auth": nobody, "source_tls": plain}
    fhir = settings.fhir.model_copy(update=where | source)
    return settings.model_copy(update={"fhir": fhir, "kafka": settings.kafka.model_copy(update={"bundles": None})})


@contextmanager
def at_store(settings: Settings, on: str) -> Iterator[Settings | None]:
    """Where records are those of a store: settings for that store, which is served meanwhile; None where they aren't.

    What its records become belongs in it, whatever server the settings name.
    """
    if not is_store(Path(on)):
        yield None
        return
    with closing(FhirTwin(Path(on))) as twin, FhirTwinServer(twin) as server:
        yield at_server(settings, server.base_url)
