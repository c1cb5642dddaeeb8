"""Which document an identifier names, where a sender takes back by identifier what it sent with an id.

What was written hangs on the id that came with it: a retraction under another name would find nothing to take back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.identity import BASE

__all__ = ["identifier_token", "named_by"]

_OURS = f"{BASE}/document"
_SPECIAL = re.compile(r"([\\$,|])")


def identifier_token(document: DocumentInfo) -> str | None:
    """The search token (FHIR R4, search, §3.1.1.4.10, with its escapes) of a document that an identifier names."""
    system, bar, value = document.reference.rpartition("|")
    if not bar:
        return None
    return "|".join(_SPECIAL.sub(r"\\\1", part) for part in (system, value))


def named_by(found: Iterable[Json], document: DocumentInfo) -> str:
    """The reference under which the only one of ``found`` came to us; the document's own where none or several did.

    ``found`` are DocumentReferences of the target server that have the identifier; what is no copy of ours, or from
    another source, says nothing.
    """
    prefix = f"{document.source or ''}|"
    keys = (i.get("value", "") for each in found for i in each.get("identifier", ()) if i.get("system") == _OURS)
    names = {key.removeprefix(prefix) for key in keys if key.startswith(prefix)}
    return names.pop() if len(names) == 1 else document.reference
