"""A FHIR server that is read and not written: transactions are answered as if they had been taken."""

from __future__ import annotations

from medie_fhir.adapters.passing import Passing
from medie_fhir.adapters.write_only import accepted, require_transaction
from medie_fhir.model import Json

__all__ = ["Unwritten"]


class Unwritten(Passing):
    """A FhirServer (see ports) for trying what would be written."""

    async def transact(self, bundle: Json) -> Json:
        """Sends nothing. Raises FhirRejected for what is no transaction."""
        require_transaction(bundle, "trying a transaction")
        return accepted(bundle, "200 OK")
