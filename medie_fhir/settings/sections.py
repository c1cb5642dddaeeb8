"""The smaller sections: the consumers' loop, the model, the notes, health, tracing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from medie_fhir.settings.part import CollectorUrl, HttpUrl, Part

__all__ = ["HealthSettings", "LoopSettings", "ModelSettings", "NoteSettings", "TracingSettings"]


class LoopSettings(Part):
    """The consumer's loop."""

    max_in_flight: int = Field(default=16, ge=1, le=10_000, description="Records worked on at once, per consumer.")
    max_in_flight_mebibytes: int = Field(
        default=64, ge=1, description="Bytes of the records worked on at once; a larger single record is still taken."
    )
    commit_interval_seconds: float = Field(default=1.0, gt=0, description="How often offsets are committed.")
    drain_seconds: float = Field(
        default=30.0, gt=0, le=35, description="How long a stop or rebalance waits for work to end; 35 at most."
    )
    outage_after_attempts: int = Field(
        default=5, ge=1, description="So many failures of a record, and the dependency is asked whether it is there."
    )
    max_attempts: int = Field(
        default=20,
        ge=1,
        description="So many failures of a record while its dependency did the work of others make it a dead letter.",
    )
    dead_letter_burst: int = Field(
        default=50,
        ge=0,
        le=100,
        description="So many dead letters among the last 100 records stop the consumer; 0: no limit.",
    )


class ModelSettings(Part):
    """The model server."""

    base_url: HttpUrl | None = Field(
        default=None,
        description="An OpenAI-compatible server (vLLM) ending in /v1; none: the embedded model is started.",
    )
    name: str = Field(default="medical-ie", description="The model or LoRA module to ask for.")
    api_key: SecretStr | None = Field(default=None, description="Bearer token for the model server.")
    timeout_seconds: float = Field(default=120.0, gt=0, description="For one answer, and `seconds_per_token` more.")
    seconds_per_token: float = Field(
        default=0.1, ge=0, description="So much longer may an answer take for each token that it may have."
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        description="Most requests at once; fewer while vLLM's queue is long. The embedded model takes one.",
    )
    cache: Path | None = Field(
        default=None,
        description="A folder that keeps the model's answers, so that no text is read twice. It holds patients' data.",
    )
    cache_mebibytes: int = Field(default=1024, ge=1, description="So large may `cache` grow; the oldest answers go.")
    triage: bool = Field(default=True, description="Don't ask the model of text without a sign of the task's subject.")
    adapters: Path | None = Field(
        default=None,
        description="A YAML file, the registry of adapters: the one that `medie-fhir adapters promote` put into use is"
        " asked in the place of `name` (docs/adapters.md).",
    )
    adapters_reload_seconds: float = Field(
        default=5.0, ge=0, description="How often a running consumer looks for another adapter put into use; 0: never."
    )
    shadow: str | None = Field(
        default=None,
        description="An adapter of the registry that reads the same notes: nothing of it is written, differences are"
        " counted (docs/adapters.md).",
    )
    shadow_queue: int = Field(
        default=100, ge=1, le=10_000, description="So many notes wait for the shadow; more are dropped and counted."
    )
    shadow_differences: Path | None = Field(
        default=None, description="An NDJSON file of the shadow's differences: document and field, never a value."
    )

    @model_validator(mode="after")
    def _shadow_of_the_registry(self) -> Self:
        if self.shadow is not None and (self.adapters is None or self.base_url is None):
            raise ValueError("shadow: needs adapters, and base_url: the embedded model has no room for a second one")
        if self.shadow is None and self.shadow_differences is not None:
            raise ValueError("shadow_differences: of no use without shadow")
        return self


class NoteSettings(Part):
    """The notes."""

    preliminary: Literal["process", "skip"] = Field(
        default="process", description="What to do with docStatus `preliminary`; a final version replaces it later."
    )
    max_bytes: int = Field(default=5_000_000, ge=1, description="Largest content, in bytes.")
    max_characters: int = Field(default=500_000, ge=1, description="Longest text, in characters.")
    languages: tuple[str, ...] = Field(
        default=("en",),
        min_length=1,
        description="The languages that task, cues and adapter are made for, as `en`; the shipped ones read English.",
    )
    other_language: Literal["process", "skip", "refuse"] = Field(
        default="skip",
        description="What to do with a note of another language: read it all the same, though what it denies is not"
        " understood; skip it, and count it; or make it a dead letter (docs/events.md).",
    )
    source: str | None = Field(default=None, description="Name of the EHR; part of every identity, so never change it.")


class HealthSettings(Part):
    """The consumer's own HTTP server: /livez, /readyz, /metrics, /status. It shows no patient's data."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int | None = Field(default=9464, ge=0, le=65535, description="Port; 0: any free one; none: no server.")
    stuck_after_seconds: float = Field(
        default=90.0, ge=5, description="So long may the loop not come round before /livez says that it is stuck."
    )


class TracingSettings(Part):
    """OpenTelemetry; needs the extra `otel`."""

    endpoint: CollectorUrl | None = Field(default=None, description="OTLP over HTTP: http://collector:4318; none: off.")
    service_name: str = Field(default="medie-fhir", description="The service's name in the traces.")
    sampled: float = Field(default=1.0, ge=0, le=1, description="Share of traces kept, where no parent has decided.")
