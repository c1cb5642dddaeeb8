"""The Device is there before what refers to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.pipeline import Published
from medie_fhir.settings import Settings
from medie_fhir.transaction import transaction
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."


async def test_a_server_that_has_forgotten_the_device_is_given_it_again(
    configuration: Configuration, model: Any, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """A server that was emptied meanwhile refuses a reference to it; the record is not to blame."""

    class Restored:
        """The twin until it is replaced by an empty one."""

        now = twin

        def __getattr__(self, name: str) -> Any:
            return getattr(self.now, name)

    server = Restored()
    pipeline = assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=server)  # type: ignore[arg-type]
    await acts.through(pipeline, event(LUNG))
    server.now = FhirTwin()
    await server.now.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
    assert await acts.through(pipeline, event(LUNG)) == [Published("written", 4, 0)]
    assert len(server.now.current("Device")) == 1
