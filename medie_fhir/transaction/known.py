"""Which document an identifier names, where a sender takes back by identifier what it sent with an id.

What was written hangs on the id that came with it: a retraction under another name would find nothing to take back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.identity import BASE

__all__ = ["identifier_token", "named_by", "token"]

_OURS = f"{BASE}/document"
_SPECIAL = re.compile(r"([\\$,|])")


def token(system: str | None, value: str) -> str:
    """The search token of an identifier (FHIR R4, search, §3.1.1.4.10), with the escapes of §3.1.1.4.2.

    ``|value`` for one without a system: it finds those alone that have none either.
    """
    return "|".join(_SPECIAL.sub(r"\\\1", part) for part in (system or "", value))


def identifier_token(document: DocumentInfo) -> str | None:
    """The search token of a document that an identifier names."""
    system, bar, value = document.reference.rpartition("|")
    return token(system, value) if bar else None


def named_by(found: Iterable[Json], document: DocumentInfo, *, originals: bool = False) -> str:
    """The reference under which the only one of ``found`` came to us; the document's own where none or several did.

    ``found`` are DocumentReferences of the target server that have the identifier; what is no copy of ours, or from
    another source, says nothing, unless the target holds the ``originals``.
    """
    prefix = f"{document.source or ''}|"
    names = set()
    for each in found:
        keys = [i.get("value", "") for i in each.get("identifier", ()) if i.get("system") == _OURS]
        names |= {key.removeprefix(prefix) for key in keys if key.startswith(prefix)}
        if originals and not keys and _has(each, document):
            names.add(f"DocumentReference/{each['id']}")
    return names.pop() if len(names) == 1 else document.reference


def _has(original: Json, document: DocumentInfo) -> bool:
    """Whether a DocumentReference has the very identifier that names the document."""
    system, _, value = document.reference.rpartition("|")
    own = [original.get("masterIdentifier") or {}, *original.get("identifier", ())]
    return any((i.get("system") or "", i.get("value")) == (system, value) for i in own)
