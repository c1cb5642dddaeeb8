"""Station: resources → one idempotent transaction, with identity, provenance and retractions."""

from medie_fhir.transaction.bundle import Work, assemble, document_reference, transaction
from medie_fhir.transaction.identity import document_id, fact_id, part_id
from medie_fhir.transaction.provenance import device
from medie_fhir.transaction.standing import Standing, targets

__all__ = [
    "Standing",
    "Work",
    "assemble",
    "device",
    "document_id",
    "document_reference",
    "fact_id",
    "part_id",
    "targets",
    "transaction",
]
