"""A FHIR R4 server in pure Python, in memory or in one SQLite file: the twin of ``FhirHttp`` for demos and tests."""

from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.server import Fault, FhirTwinServer
from medie_fhir.adapters.fhir_twin.twin import FhirTwin

__all__ = ["Answer", "Fault", "FhirTwin", "FhirTwinServer", "Profile", "Request"]
