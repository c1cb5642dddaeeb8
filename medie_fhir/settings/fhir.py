"""The settings of the FHIR servers: the one that is written to, and the one that holds the notes' content."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from medie_fhir.settings.part import HttpUrl, Part

__all__ = ["FhirAuth", "FhirSettings", "FhirTls"]


class FhirAuth(Part):
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


class FhirTls(Part):
    """The certificates of https. Files are PEM."""

    ca_file: Path | None = Field(
        default=None, description="The CA that the server's certificate must come from; none: those known everywhere."
    )
    certificate_file: Path | None = Field(default=None, description="Our certificate and its chain, for mutual TLS.")
    key_file: Path | None = Field(default=None, description="Our private key; none: it is in the certificate's file.")
    key_password: SecretStr | None = Field(default=None, description="The private key's password.")


class FhirSettings(Part):
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
