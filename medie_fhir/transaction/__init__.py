"""Station: resources → one idempotent transaction, with identity, provenance and retractions."""

from medie_fhir.transaction.bundle import (
    Made,
    Reviewed,
    Work,
    assemble,
    count_in_error,
    guarded,
    nothing_to_say,
    transaction,
)
from medie_fhir.transaction.change import Change, ChangeKind, changes, changes_nothing
from medie_fhir.transaction.identity import BASE, FACTS, device_id, document_id, patient_id
from medie_fhir.transaction.known import identifier_token, named_by, token
from medie_fhir.transaction.meaning import identify
from medie_fhir.transaction.provenance import MadeBy, device, mappings_of
from medie_fhir.transaction.review import tasks, without
from medie_fhir.transaction.source_document import DocumentMode, SourceDocuments, keyless
from medie_fhir.transaction.stamp import SYSTEM as STAMPS
from medie_fhir.transaction.stamp import is_as_written, stamped
from medie_fhir.transaction.standing import Standing, is_in_error, place, retracted, targets, version_of
from medie_fhir.transaction.unmarked import Unmarked
from medie_fhir.transaction.whose import strangers

__all__ = [
    "BASE",
    "FACTS",
    "STAMPS",
    "Change",
    "ChangeKind",
    "DocumentMode",
    "Made",
    "MadeBy",
    "Reviewed",
    "SourceDocuments",
    "Standing",
    "Unmarked",
    "Work",
    "assemble",
    "changes",
    "changes_nothing",
    "count_in_error",
    "device",
    "device_id",
    "document_id",
    "guarded",
    "identifier_token",
    "identify",
    "is_as_written",
    "is_in_error",
    "keyless",
    "mappings_of",
    "named_by",
    "nothing_to_say",
    "patient_id",
    "place",
    "retracted",
    "stamped",
    "strangers",
    "targets",
    "tasks",
    "token",
    "transaction",
    "version_of",
    "without",
]
