"""What a FHIR server dropped or changed of a resource that it took: by path, never by value. Pure.

A server may add what it likes (a narrative, labels, ``meta.lastUpdated``). What it was given it should keep: some take
a resource and drop its extensions, or whole elements, without a word (FHIR R4, http, §3.1.0.1.3 lets them).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any

from medie_fhir.model import Json

__all__ = ["dropped"]

_THE_SERVERS_OWN = {"id", "meta.versionId", "meta.lastUpdated", "meta.source"}
_SETS = {"profile", "tag", "security"}  # of meta: their order means nothing
_NOTHING = object()


def dropped(sent: Json, stored: Json) -> tuple[str, ...]:
    """The paths of the elements of ``sent`` that ``stored``, as it was read back, lacks or has otherwise.

    Paths are FHIRPath: ``Observation.component[1].valueQuantity.unit``, ``Condition.extension('https://…')``. What is
    the same to FHIR is no change: another spelling of an instant or a number, a reference made absolute, one to a
    ``urn:uuid`` made real, or one without its version.
    """
    kind = str(sent.get("resourceType"))
    return tuple(dict.fromkeys(f"{kind}.{path}" if path else kind for path in _below(sent, stored, "")))


def _below(sent: Any, stored: Any, path: str) -> Iterator[str]:
    """The paths that differ at ``path`` or below it."""
    if path in _THE_SERVERS_OWN or sent in ({}, [], None):
        return
    if isinstance(sent, dict) and isinstance(stored, dict):
        for name, value in sent.items():
            yield from _below(value, stored.get(name, _NOTHING), f"{path}.{name}" if path else name)
    elif isinstance(sent, list) and isinstance(stored, list):
        yield from _listed(sent, stored, path)
    elif not _same(sent, stored, path.rpartition(".")[2]):
        yield path


def _listed(sent: list[Any], stored: list[Any], path: str) -> Iterator[str]:
    """Items keep their order; extensions are told by their URL, and of some lists only the members count."""
    name = path.rpartition(".")[2]
    if name in ("extension", "modifierExtension"):
        for url in dict.fromkeys(_url(item) for item in sent):
            pairs = zip_longest(_of(sent, url), _of(stored, url), fillvalue=_NOTHING)
            for item, kept in pairs:
                if item is not _NOTHING:
                    yield from _below(item, kept, f"{path}('{url}')")
    elif name in _SETS and path == f"meta.{name}":
        if not all(any(not list(_below(item, kept, "")) for kept in stored) for item in sent):
            yield path
    else:
        for number, item in enumerate(sent):
            yield from _below(item, stored[number] if number < len(stored) else _NOTHING, f"{path}[{number}]")


def _url(extension: Any) -> str:
    return str(extension.get("url")) if isinstance(extension, dict) else ""


def _of(extensions: list[Any], url: str) -> list[Any]:
    return [item for item in extensions if _url(item) == url]


def _same(sent: Any, stored: Any, name: str) -> bool:
    if isinstance(sent, str) and isinstance(stored, str):
        return sent == stored or _same_instant(sent, stored) or (name == "reference" and _same_target(sent, stored))
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored  # for in Python, True == 1
    return bool(sent == stored)


def _same_target(sent: str, stored: str) -> bool:
    sent, stored = (reference.partition("/_history/")[0] for reference in (sent, stored))
    return sent == stored or stored.endswith(f"/{sent}") or sent.startswith("urn:uuid:")


def _same_instant(sent: str, stored: str) -> bool:
    try:
        return "T" in sent and datetime.fromisoformat(sent) == datetime.fromisoformat(stored)
    except ValueError:
        return False
