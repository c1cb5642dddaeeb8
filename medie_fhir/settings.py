"""Every knob: one frozen object from the environment and one YAML file, all faults at once.

The environment wins over the file, the file over the defaults. A variable is ``MEDIE_`` and the path joined by two
underscores: ``MEDIE_KAFKA__BOOTSTRAP_SERVERS``. The file is named by ``MEDIE_CONFIG``. A secret may stand in a file of
its own, as Docker and Kubernetes give them: ``MEDIE_FHIR__TOKEN_FILE=/run/secrets/fhir`` is ``MEDIE_FHIR__TOKEN``.
docs/settings.md is made from the descriptions here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as Unreadable

from medie_fhir.errors import SettingsError

__all__ = [
    "FhirAuth",
    "FhirSettings",
    "FhirTls",
    "HealthSettings",
    "KafkaSecurity",
    "KafkaSettings",
    "LoopSettings",
    "ModelSettings",
    "NoteSettings",
    "Settings",
    "TracingSettings",
    "load_settings",
    "secret_variables",
]


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL with http:// or https:// and a host")
    return url


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:  # it is shown, in logs and by doctor
        raise ValueError("must hold no user, password, query or fragment: logins have settings of their own")
    return url


CollectorUrl = Annotated[str, AfterValidator(_http_url)]  # a collector's login has no other place
HttpUrl = Annotated[CollectorUrl, AfterValidator(_without_secrets)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSecurity(_Part):
    """How we prove to the broker who we are, and it to us. Files are PEM."""

    protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", description="As Kafka's `security.protocol`."
    )
    ca_file: Path | None = Field(default=None, description="The CA that the broker's certificate must come from.")
    certificate_file: Path | None = Field(default=None, description="Our certificate and its chain, for mutual TLS.")
    key_file: Path | None = Field(default=None, description="Our private key; none: it is in the certificate's file.")
    key_password: SecretStr | None = Field(default=None, description="The private key's password.")
    check_hostname: bool = Field(default=True, description="Whether the certificate must name the broker's host.")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] | None = Field(
        default=None, description="SASL mechanism."
    )
    username: str | None = Field(default=None, description="For PLAIN and SCRAM.")
    password: SecretStr | None = Field(default=None, description="For PLAIN and SCRAM.")
    oauth_token_url: HttpUrl | None = Field(
        default=None, description="For OAUTHBEARER: where a client-credentials grant gives the token."
    )
    oauth_client_id: str | None = Field(default=None, description="For OAUTHBEARER.")
    oauth_client_secret: SecretStr | None = Field(default=None, description="For OAUTHBEARER.")
    oauth_scope: str | None = Field(default=None, description="For OAUTHBEARER.")
    aws_region: str | None = Field(default=None, description="For AWS_MSK_IAM; none: that of the environment.")


class KafkaSettings(_Part):
    """The broker and its topics."""

    bootstrap_servers: str = Field(default="localhost:9092", description="Addresses of Kafka brokers, by commas.")
    events: str = Field(default="ehr.document-references", description="Topic of the EHR's note events.")
    extractions: str = Field(default="medie.extractions", description="Topic of extraction records; compacted.")
    dead_letters: str = Field(default="medie.dead-letters", description="Topic of the records that were refused.")
    bundles: str | None = Field(
        default=None, description="A topic: transaction Bundles are put there for the site's own writer, and not sent."
    )
    group: str = Field(default="medie-fhir", description="Consumer group; `-extract` and `-publish` are appended.")
    instance_id: str | None = Field(
        default=None,
        description="Static membership: a name that is this process's alone and outlives its restarts; none: dynamic.",
    )
    offset_lost: Literal["stop", "earliest"] = Field(
        default="stop",
        description="When the committed offset is no longer on the topic: stop and say so, or go on from the earliest"
        " record that is left. Never silently from the latest.",
    )
    create_topics: bool = Field(default=False, description="Create our topics at start where they are missing.")
    partitions: int = Field(default=8, ge=1, description="Partitions of a topic that is created.")
    replication: int | None = Field(
        default=None, ge=1, description="Replicas of a topic that is created; none: as the cluster's default says."
    )
    max_poll_interval_seconds: float = Field(
        default=120.0, ge=60, description="So long may a member not poll before its partitions go to others."
    )
    session_timeout_seconds: float = Field(
        default=45.0, ge=6, description="So long may a member be silent before its partitions go to others."
    )
    max_record_bytes: int = Field(
        default=4_194_304,
        ge=1024,
        description="Largest record that we write; the topic's own limit counts too.",
    )
    security: KafkaSecurity = KafkaSecurity()
    client: dict[str, Any] = Field(
        default={}, description="Further kafka-python client options; those of security stand under `security`."
    )


class LoopSettings(_Part):
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


class ModelSettings(_Part):
    """The model server."""

    base_url: HttpUrl | None = Field(
        default=None,
        description="An OpenAI-compatible server (vLLM) ending in /v1; none: the embedded model is started.",
    )
    name: str = Field(default="medical-ie", description="The model or LoRA module to ask for.")
    api_key: SecretStr | None = Field(default=None, description="Bearer token for the model server.")
    timeout_seconds: float = Field(default=120.0, gt=0, description="For one answer.")
    concurrency: int = Field(default=8, ge=1, description="Requests at once; the embedded model takes one.")
    cache: Path | None = Field(
        default=None,
        description="A folder that keeps the model's answers, so that no text is read twice. It holds patients' data.",
    )
    cache_mebibytes: int = Field(default=1024, ge=1, description="So large may `cache` grow; the oldest answers go.")
    triage: bool = Field(default=True, description="Don't ask the model of text without a sign of the task's subject.")


class FhirAuth(_Part):
    """How we prove to a FHIR server who we are. Secrets come from the environment or from a file, and are never shown.

    ``client-credentials``: OAuth 2.0 (RFC 6749 §4.4). ``smart-backend``: SMART Backend Services (SMART App Launch 2.2),
    with a signed assertion in the secret's place.
    """

    kind: Literal["none", "basic", "bearer", "client-credentials", "smart-backend"] = Field(
        default="none", description="The way to log in."
    )
    username: str | None = Field(default=None, description="For basic.")
    password: SecretStr | None = Field(default=None, description="For basic.")
    token: SecretStr | None = Field(default=None, description="For bearer: a token that doesn't expire.")
    token_file: Path | None = Field(
        default=None, description="For bearer: a file that holds the token, and is read again when it changes."
    )
    token_url: HttpUrl | None = Field(
        default=None,
        description="Where tokens are given; none: what `.well-known/smart-configuration` of the FHIR server names.",
    )
    client_id: str | None = Field(default=None, description="For client-credentials and smart-backend.")
    client_secret: SecretStr | None = Field(default=None, description="For client-credentials.")
    scope: str | None = Field(
        default=None, description="Scopes to ask for; none: `system/*.cruds` for smart-backend, else the server's own."
    )
    key_file: Path | None = Field(
        default=None,
        description="For smart-backend: our private key, as PEM or as a JWK (Set), which the server trusts.",
    )
    key_id: str | None = Field(default=None, description="For smart-backend: the key's `kid`; none: the JWK's own.")
    algorithm: Literal["RS384", "ES384"] = Field(default="RS384", description="For smart-backend: as the key is.")


class FhirTls(_Part):
    """The certificates of https. Files are PEM."""

    ca_file: Path | None = Field(
        default=None, description="The CA that the server's certificate must come from; none: those known everywhere."
    )
    certificate_file: Path | None = Field(default=None, description="Our certificate and its chain, for mutual TLS.")
    key_file: Path | None = Field(default=None, description="Our private key; none: it is in the certificate's file.")
    key_password: SecretStr | None = Field(default=None, description="The private key's password.")


class FhirSettings(_Part):
    """The FHIR server that is written to, and the one that holds the notes' content."""

    base_url: HttpUrl = Field(default="http://localhost:8080/fhir", description="The target server's base URL.")
    token: SecretStr | None = Field(
        default=None, description="Bearer token for the target server; short for `auth` of the kind bearer."
    )
    auth: FhirAuth = FhirAuth()
    tls: FhirTls = FhirTls()
    source_base_url: HttpUrl | None = Field(
        default=None, description="The server of Binary and DocumentReference content; none: the target server."
    )
    source_token: SecretStr | None = Field(
        default=None, description="Bearer token for the source server; the target's is never sent there."
    )
    source_auth: FhirAuth = FhirAuth()
    source_tls: FhirTls = FhirTls()
    allowed_hosts: frozenset[str] = Field(
        default=frozenset(), description="Further hosts that absolute content URLs may name; no other is contacted."
    )
    documents: Literal["copy", "copy-with-url", "reference", "logical"] = Field(
        default="copy",
        description="`copy`: write a DocumentReference of the note's metadata, without text, and refer to it;"
        " `copy-with-url`: one that says where the text is; `reference`: the target holds the original;"
        " `logical`: refer by identifier alone (docs/subjects.md).",
    )
    missing_subject: Literal["dead-letter", "stub", "wait"] = Field(
        default="dead-letter",
        description="What to do where the target server doesn't hold the note's patient: refuse the note, create a"
        " Patient with nothing but the identifier, or try again until it is there.",
    )
    external_subjects: bool = Field(
        default=False,
        description="Refer to a Patient on another server by its URL, where the note does so; off: find the Patient on"
        " the target by the identifier that the note gives beside the URL.",
    )
    identity: Literal["auto", "client-ids", "conditional-update", "search-then-create"] = Field(
        default="auto",
        description="How a resource is found again: under an id that we choose (update as create), by its identifier"
        " in a conditional update, or by a search before; auto: the first that the server's CapabilityStatement has.",
    )
    sending: Literal["auto", "transaction", "batch", "single"] = Field(
        default="auto",
        description="How a document's resources are sent: at once or not at all; or, for servers without transactions,"
        " as a batch or one by one, taken back where a part fails.",
    )
    guarded: bool = Field(
        default=True,
        description="Write only over the version of a document's copy that was read (`ifMatch`), so that what comes"
        " late can't overwrite what is newer. Off: for a server that refuses `ifMatch` of what is not there.",
    )
    timeout_seconds: float = Field(default=30.0, gt=0, description="For one request.")
    attempts: int = Field(default=4, ge=1, description="Tries of one request before the record is tried again later.")
    concurrency: int = Field(
        default=16, ge=1, description="Most transactions at once; fewer while the server is slow or throttles."
    )
    max_bundle_entries: int = Field(default=500, ge=10, description="Most entries in one transaction.")
    max_bundle_bytes: int = Field(default=10_000_000, ge=100_000, description="Largest transaction, in bytes.")
    bundles: Path | None = Field(
        default=None, description="A folder: what is to be written is put there instead of on a server."
    )
    bundles_format: Literal["transaction", "ndjson"] = Field(
        default="transaction", description="In `bundles`: a transaction Bundle a file, or NDJSON for a bulk import."
    )
    batch_mebibytes: int = Field(default=64, ge=1, description="A batch of NDJSON is finished when it is so large.")
    batch_seconds: float = Field(default=300.0, gt=0, description="A batch of NDJSON is finished when it is so old.")
    shadow: Path | None = Field(
        default=None,
        description="For `bundles` and `kafka.bundles`: an SQLite file that remembers what was written there, so that"
        " what no longer holds is taken back; for one process alone. It holds patients' data.",
    )

    @model_validator(mode="after")
    def _a_source_of_its_own(self) -> Self:
        if self.source_base_url is None:
            given = {"source_token": self.source_token is not None, "source_auth": self.source_auth.kind != "none"}
            given["source_tls"] = self.source_tls != FhirTls()
            if named := [name for name, is_given in given.items() if is_given]:
                raise ValueError(f"{', '.join(named)}: of no use without source_base_url: the target is the source")
        return self


class NoteSettings(_Part):
    """The notes."""

    preliminary: Literal["process", "skip"] = Field(
        default="process", description="What to do with docStatus `preliminary`; a final version replaces it later."
    )
    max_bytes: int = Field(default=5_000_000, ge=1, description="Largest content, in bytes.")
    max_characters: int = Field(default=500_000, ge=1, description="Longest text, in characters.")
    source: str | None = Field(default=None, description="Name of the EHR; part of every identity, so never change it.")


class HealthSettings(_Part):
    """The consumer's own HTTP server: /livez, /readyz, /metrics, /status. It shows no patient's data."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int | None = Field(default=9464, ge=0, le=65535, description="Port; 0: any free one; none: no server.")
    stuck_after_seconds: float = Field(
        default=90.0, ge=5, description="So long may the loop not come round before /livez says that it is stuck."
    )


class TracingSettings(_Part):
    """OpenTelemetry; needs the extra `otel`."""

    endpoint: CollectorUrl | None = Field(default=None, description="OTLP over HTTP: http://collector:4318; none: off.")
    service_name: str = Field(default="medie-fhir", description="The service's name in the traces.")
    sampled: float = Field(default=1.0, ge=0, le=1, description="Share of traces kept, where no parent has decided.")


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
    task: str = Field(default="oncology", description="A shipped task's name, or the path of a task file.")
    mapping: str = Field(default="default", description="A shipped mapping's name, or the path of a mapping file.")
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
        del settings_cls, dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = _with_secrets_of_files(env_settings.env_vars)
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """The settings from the environment and, where given, a YAML file. Raises SettingsError with all faults."""
    values: Any = {}
    if file is not None:
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise SettingsError(f"{file}: can't be read: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            raise SettingsError(f"{file}: is not YAML") from None
        if not isinstance(values, dict):
            raise SettingsError(f"{file}: must be a YAML mapping of settings (see docs/settings.md)")
        if unknown := [str(name) for name in values if name not in Settings.model_fields]:
            raise SettingsError(f"{file}: no such settings: {', '.join(unknown)} (see docs/settings.md)")
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except Unreadable as error:  # its text names the part of the settings, and not the value
        raise SettingsError(f"{error}: lists and mappings are written as JSON in the environment") from None
    except ValidationError as error:
        faults = [": ".join([*_place(e), _told(e)]) for e in error.errors(include_input=False)]
        raise SettingsError("\n".join(faults)) from None


def secret_variables(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The environment variables of secrets that may be given as a file: the variable's name and ``_FILE``.

    Where there is a setting of that very name (``fhir.auth.token_file``), that setting it is.
    """
    for name, field in model.model_fields.items():
        here, kind = (*path, name), field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from secret_variables(kind, here)
        elif SecretStr in (kind, *get_args(kind)) and f"{name}_file" not in model.model_fields:
            yield f"MEDIE_{'__'.join(here).upper()}"


def _with_secrets_of_files(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """The environment, as if the secrets in files stood there. Raises SettingsError with all that can't be read."""
    found, faults = dict(given), []
    for variable in secret_variables():
        file = found.pop(f"{variable}_FILE".lower(), None)
        if file is None:
            continue
        if variable.lower() in given:
            faults.append(f"{variable}_FILE: is set beside {variable}: one of the two is needed")
            continue
        try:
            secret = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
            faults.append(f"{variable}_FILE: {file}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            continue
        if not secret:
            faults.append(f"{variable}_FILE: {file}: is empty")
        found[variable.lower()] = secret
    if faults:
        raise SettingsError("\n".join(faults))
    return found


def _place(fault: ErrorDetails) -> list[str]:
    """The setting at fault; none where it is several that contradict each other."""
    return [".".join(map(str, fault["loc"]))] if fault["loc"] else []


def _told(fault: ErrorDetails) -> str:
    """What is wrong with a setting, in this program's words where pydantic's are about Python."""
    if fault["type"] == "extra_forbidden":
        return "no such setting (see docs/settings.md)"
    return fault["msg"].removeprefix("Value error, ")


def _refuse_unknown_variables() -> None:
    """A typing error in a variable's name must not leave a default in force in silence."""
    given = [name for name in os.environ if name.startswith("MEDIE_") and not name.startswith("MEDIE_TEST_")]
    known = {f"MEDIE_{name.upper()}" for name in Settings.model_fields} | {"MEDIE_HOME", "MEDIE_CONFIG"}
    if unknown := sorted(name for name in given if name.upper().split("__")[0] not in known):
        raise SettingsError(f"no such settings: {', '.join(unknown)} (see docs/settings.md)")
