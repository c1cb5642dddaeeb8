"""Who we are to a FHIR server, and whom we take it for: logins for httpx, and TLS, from the settings."""

from medie_fhir.adapters.fhir_auth.certificates import tls_context
from medie_fhir.adapters.fhir_auth.login import Login, prove
from medie_fhir.adapters.fhir_auth.logins import auth_of

__all__ = ["Login", "auth_of", "prove", "tls_context"]
