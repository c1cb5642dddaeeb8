"""Who is who: the deterministic id of everything that is written.

An id is a UUIDv5 (RFC 9562 §5.5) over a JSON array of what makes the thing itself: the document, the field, the
meaning. Offsets, model and mapping version are no part of it, so a better model updates in place and a replay writes
the same ids. A JSON array delimits its parts by quoting, so no part's content can shift a border.
"""

from __future__ import annotations

import json
import uuid
from functools import lru_cache

from medie_fhir.model import DocumentInfo

__all__ = ["BASE", "FACTS", "device_id", "document_id", "fact_id", "patient_id", "provenance_id"]

BASE = "https://medie-fhir.github.io/fhir"
"""The root of the project's own identifier systems. Ids hang on it: it never changes."""

FACTS = f"{BASE}/fact"
"""The identifier system of all that facts become: an identifier of it holds the resource's own id."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, BASE)


@lru_cache(maxsize=1024)  # a document's, a Device's and a Provenance's are asked for several times a note
def _id(*parts: str | int | None) -> str:
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts, ensure_ascii=True, separators=(",", ":"))))


def document_id(document: DocumentInfo) -> str:
    """The id of our DocumentReference for a document, where the target server doesn't hold the original."""
    return _id("document", document.source, document.reference)


def fact_id(document: DocumentInfo, field: str, concept_key: str, task: str | None = None) -> str:
    """The id of the resource that says that this document means ``concept_key`` in ``field``.

    ``task``: whose field it is, where another task that may read the same document has one of that name.
    """
    whose = () if task is None else (task,)
    return _id("fact", document.source, document.reference, field, concept_key, *whose)


def patient_id(system: str, value: str) -> str:
    """The id of a Patient that we make of an identifier, where a target server doesn't hold the real one."""
    return _id("patient", system, value)


def device_id(model: str, adapter: str | None, adapter_digest: str | None, server: str | None) -> str:
    """The id of the Device that stands for a base model, its adapter and the server's version."""
    return _id("device", model, adapter, adapter_digest, server)


def provenance_id(document: DocumentInfo, content: str | None, *work: str | None) -> str:
    """The id of the Provenance of one piece of work on one version of a document.

    ``content`` is the text's digest and tells versions apart where the sender numbers none; ``work`` is what was done
    and by which task, Device, mapping and tables.
    """
    version = document.version
    return _id(
        "provenance", document.source, document.reference, version.version_id, version.last_updated, content, *work
    )


def task_id(document: DocumentInfo, focus: str, *why: str) -> str:
    """The id of the Task that asks a person to look at ``focus`` again; ``why`` tells one cause from the next."""
    return _id("task", document.source, document.reference, focus, *why)
