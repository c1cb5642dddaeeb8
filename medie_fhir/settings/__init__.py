"""Every knob: one frozen object from the environment and one YAML file, all faults at once.

The environment wins over the file, the file over the defaults. A variable is ``MEDIE_`` and the path joined by two
underscores: ``MEDIE_KAFKA__BOOTSTRAP_SERVERS``. The file is named by ``MEDIE_CONFIG``. A secret may stand in a file of
its own, as Docker and Kubernetes give them: ``MEDIE_FHIR__TOKEN_FILE=/run/secrets/fhir`` is ``MEDIE_FHIR__TOKEN``.
docs/settings.md is made from the descriptions here.
"""

from __future__ import annotations

from medie_fhir.settings.fhir import FhirAuth, FhirSettings, FhirTls
from medie_fhir.settings.kafka import KafkaSecurity, KafkaSettings
from medie_fhir.settings.loading import load_settings
from medie_fhir.settings.root import Settings
from medie_fhir.settings.routes import Route
from medie_fhir.settings.secrets import secret_variables
from medie_fhir.settings.sections import HealthSettings, LoopSettings, ModelSettings, NoteSettings, TracingSettings
from medie_fhir.settings.terminology import TerminologyQuestion, TerminologySettings

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
    "Route",
    "Settings",
    "TerminologyQuestion",
    "TerminologySettings",
    "TracingSettings",
    "load_settings",
    "secret_variables",
]
