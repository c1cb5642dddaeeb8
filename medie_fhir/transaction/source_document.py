"""How what is written refers to its note, and how earlier work on the note is found again (docs/adr/0009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from medie_fhir.model import DocumentInfo, ExtractionRecord, Json
from medie_fhir.transaction.identity import BASE, document_id

__all__ = ["DocumentMode", "SourceDocuments", "keyless"]

DocumentMode = Literal["copy", "copy-with-url", "reference", "logical"]

_TAG_SYSTEM = f"{BASE}/source-document"


@dataclass(frozen=True, slots=True)
class SourceDocuments:
    """``copy``: to our copy of the document's metadata; ``copy-with-url``: to one that says where the text is.

    ``reference``: to the original, which the target holds; ``logical``: by identifier alone, for a target that takes no
    DocumentReference. A document without an id can't be referred to as an original: of it, a copy is made.
    ``base`` is the source server's address, from which the URLs of its documents go.
    """

    mode: DocumentMode = "copy"
    base: str | None = None

    def reference(self, document: DocumentInfo) -> Json:
        """The Reference to the source document."""
        if self.copied(document):
            return {"reference": f"DocumentReference/{document_id(document)}"}
        if self.mode == "reference":
            return {"reference": document.reference}
        return {"type": "DocumentReference", "identifier": _identifier(document)}

    def copied(self, document: DocumentInfo) -> bool:
        """Whether our own copy of the document's metadata is written."""
        if self.mode == "reference":
            return not document.reference.startswith("DocumentReference/")
        return self.mode != "logical"

    def tag(self, document: DocumentInfo) -> Json | None:
        """What marks the Provenances of a document that no literal reference leads to; None where one does."""
        return {"system": _TAG_SYSTEM, "code": document_id(document)} if self.mode == "logical" else None

    def sourced(self, resource: Json, document: DocumentInfo) -> Json:
        """The resource with a ``meta.source`` by which it is known for ours, where no literal reference stands there.

        It names the id that our copy would have: HAPI keeps no more than 100 characters of it.
        """
        if self.mode != "logical":
            return resource
        meta = {**resource.get("meta", {}), "source": f"DocumentReference/{document_id(document)}"}
        return {**resource, "meta": meta}

    def work(self, document: DocumentInfo) -> dict[str, str]:
        """The search for the Provenances of the document.

        By a tag, where there is no literal reference: not every server knows ``entity:identifier``.
        """
        if tag := self.tag(document):
            return {"_tag": f"{tag['system']}|{tag['code']}"}
        return {"entity": self.reference(document)["reference"]}

    def url(self, record: ExtractionRecord) -> str | None:
        """Where the note's text can be fetched, for the copy to say; None where the text came within the event."""
        url = record.text.url if record.text and self.mode == "copy-with-url" else None
        if url is None or urlsplit(url).scheme:
            return url
        return f"{self.base.rstrip('/')}/{url.lstrip('/')}" if self.base else None


def keyless(url: str | None) -> str | None:
    """The URL, for a record to keep, unless it may be a key: signed URLs carry one in their query, others before an @.

    What is no http(s) or relative URL is nothing that a reader could follow.
    """
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    told = parts.scheme in ("", "http", "https") and bool(parts.netloc) == bool(parts.scheme)
    return url if url and told and not (parts.query or parts.fragment or "@" in parts.netloc) else None


def _identifier(document: DocumentInfo) -> Json:
    """The document's own first identifier, by which others know it too; else our name for it."""
    own = document.identifier[0] if document.identifier else {}
    plain = {name: own[name] for name in ("system", "value") if own.get(name)}
    return plain if len(plain) == len(("system", "value")) else {"system": f"{BASE}/document", "value": document.key}
