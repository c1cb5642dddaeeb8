"""All settings in one frozen object: the environment over what is handed in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from medie_fhir.settings.fhir import FhirSettings
from medie_fhir.settings.kafka import KafkaSettings
from medie_fhir.settings.routes import Route
from medie_fhir.settings.secrets import with_secrets_of_files
from medie_fhir.settings.sections import HealthSettings, LoopSettings, ModelSettings, NoteSettings, TracingSettings
from medie_fhir.settings.terminology import TerminologySettings

__all__ = ["Settings"]


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="MEDIE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    loop: LoopSettings = LoopSettings()
    model: ModelSettings = ModelSettings()
    fhir: FhirSettings = FhirSettings()
    notes: NoteSettings = NoteSettings()
    health: HealthSettings = HealthSettings()
    tracing: TracingSettings = TracingSettings()
    terminology_server: TerminologySettings = TerminologySettings()
    task: str = Field(default="oncology", description="A shipped task's name, or the path of a task file.")
    readers: tuple[Literal["lexicon", "model"], ...] = Field(
        default=("lexicon", "model"),
        min_length=1,
        description="Who reads the notes: the task's tables and grammars, the model, or both.",
    )
    mapping: str = Field(default="default", description="A shipped mapping's name, or the path of a mapping file.")
    routes: tuple[Route, ...] = Field(
        default=(),
        description="Notes that other tasks read: the first that fits takes a note, and `task` all others; with `also`"
        " it reads the note besides (docs/routes.md).",
    )
    mapping_reload_seconds: float = Field(
        default=5.0,
        ge=0,
        description="How often a running consumer looks for edits of the mapping and its tables; 0: never.",
    )
    terminology: Path | None = Field(default=None, description="A folder of terminology tables instead of the shipped.")
    site_terminology: Path | None = Field(
        default=None, description="A folder of the site's own terminology rows, which win (docs/terminology.md)."
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.fhir.bundles is not None and self.kafka.bundles is not None:
            raise ValueError("fhir.bundles and kafka.bundles: one of them, for there is one target")
        if self.fhir.shadow is not None and self.fhir.bundles is None and self.kafka.bundles is None:
            raise ValueError("fhir.shadow: only with fhir.bundles or kafka.bundles: a FHIR server knows what it holds")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file, which comes in as arguments."""
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = with_secrets_of_files(settings_cls, env_settings.env_vars)
        return env_settings, init_settings
