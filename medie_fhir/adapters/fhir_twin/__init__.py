"""A FHIR R4 server in pure Python, in memory or in one SQLite file: the twin of ``FhirHttp`` for demos and tests.

With any FHIR client, at ``server.base_url``; then ``twin.current("Condition")``, ``twin.count_versions()``::

    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        ...

``FhirTwinServer(twin, fault=f)`` asks ``f(request)`` first: an ``Answer`` is sent in the twin's place, ``None`` lets
the request through, a ``ConnectionError`` breaks the connection, and waiting hangs it.

``FhirTwin(profile=Profile(update_as_create=False, transaction=False))`` is a twin that lacks something, and says so in
its CapabilityStatement. Where it is known to differ from HAPI: docs/fhir-server.md.
"""

from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.server import Fault, FhirTwinServer
from medie_fhir.adapters.fhir_twin.twin import FhirTwin

__all__ = ["Answer", "Fault", "FhirTwin", "FhirTwinServer", "Profile", "Request"]
