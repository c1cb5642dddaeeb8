"""The servers that a remap needs, in words: those that it waits for, and one that it has waited for in vain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from consumers.remap import Outlasted
from medie_fhir.errors import BrokerUnavailable, FhirUnavailable, MedieError, TerminologyUnavailable
from medie_fhir.fhir_servers import is_asked
from medie_fhir.settings import Settings

__all__ = ["Needed"]

_KINDS: dict[str, type[MedieError]] = {
    "fhir": FhirUnavailable,
    "kafka": BrokerUnavailable,
    "terminology": TerminologyUnavailable,
}
_SETTINGS = {
    "fhir": "fhir.base_url, MEDIE_FHIR__BASE_URL",
    "kafka": "kafka.bootstrap_servers, MEDIE_KAFKA__BOOTSTRAP_SERVERS",
    "terminology": "terminology_server.base_url, MEDIE_TERMINOLOGY_SERVER__BASE_URL",
}


@dataclass(frozen=True, slots=True)
class Needed:
    """Words for the dependencies, by their names; ``patience_s``: how long they are waited for, None without end."""

    words: dict[str, str]
    patience_s: float | None

    @classmethod
    def of(cls, settings: Settings, patience_s: float | None) -> Self:
        """Those of the settings."""
        words = {
            "fhir": f"the FHIR server {settings.fhir.base_url}" if is_asked(settings) else "what is written to",
            "kafka": f"Kafka at {settings.kafka.bootstrap_servers}",
            "terminology": f"the terminology server {settings.terminology_server.base_url}",
        }
        return cls(words, patience_s)

    @property
    def until(self) -> str:
        """How long is waited."""
        return "until it does; Ctrl-C ends it" if self.patience_s is None else f"{self.patience_s:g} s at most"

    def unreachable(self, lasted: Outlasted) -> MedieError:
        """What gave no answer, and what to do; of the kind that asking it has met."""
        name, error = lasted.dependency, lasted.error
        return type(error or _KINDS[name](""))(
            f"{self.words[name]} gave no answer for {self.patience_s:g} s ({error or 'it takes calls, and hangs'})."
            f" Start it, or name another ({_SETTINGS[name]}); --patience SECONDS waits longer, medie-fhir doctor tells"
            " more"
        )
