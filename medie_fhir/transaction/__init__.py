"""Station: resources → one idempotent transaction, with identity, provenance and retractions."""

from medie_fhir.transaction.bundle import Work, assemble, count_in_error, document_reference, guarded, transaction
from medie_fhir.transaction.identity import BASE, document_id
from medie_fhir.transaction.known import identifier_token, named_by
from medie_fhir.transaction.meaning import identify
from medie_fhir.transaction.provenance import device
from medie_fhir.transaction.standing import Standing, is_in_error, targets

__all__ = [
    "BASE",
    "Standing",
    "Work",
    "assemble",
    "count_in_error",
    "device",
    "document_id",
    "document_reference",
    "guarded",
    "identifier_token",
    "identify",
    "is_in_error",
    "named_by",
    "targets",
    "transaction",
]
