"""Station: resources → one idempotent transaction, with identity, provenance and retractions."""

from medie_fhir.transaction.bundle import Work, assemble, document_reference, transaction
from medie_fhir.transaction.identity import BASE, document_id
from medie_fhir.transaction.meaning import identify
from medie_fhir.transaction.provenance import device
from medie_fhir.transaction.standing import Standing, targets

__all__ = [
    "BASE",
    "Standing",
    "Work",
    "assemble",
    "device",
    "document_id",
    "document_reference",
    "identify",
    "targets",
    "transaction",
]
