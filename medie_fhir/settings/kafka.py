"""The settings of the broker: its topics, our group, the login."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from medie_fhir.settings.part import HttpUrl, Part

__all__ = ["KafkaSecurity", "KafkaSettings"]


class KafkaSecurity(Part):
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


class KafkaSettings(Part):
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
