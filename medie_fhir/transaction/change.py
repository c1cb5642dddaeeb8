"""What a Bundle would change on the server, resource by resource: told by content, not by what the server adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from medie_fhir.model import Json
from medie_fhir.transaction.stamp import instant, relative
from medie_fhir.transaction.standing import Standing, is_in_error, place, version_of

__all__ = ["Change", "ChangeKind", "changes", "changes_nothing", "stands"]

ChangeKind = Literal["created", "updated", "unchanged", "retracted", "kept"]

_LABELS = ("profile", "tag", "security")
_NOT_FACTS = frozenset({"DocumentReference", "Device", "Patient", "Provenance", "Task"})


class Change(NamedTuple):
    """What becomes of one fact's resource (``Type/id``); ``kept``: it stays as someone else has left it."""

    place: str
    kind: ChangeKind


def changes(bundle: Json, resources: Sequence[Json], standing: Standing) -> tuple[Change, ...]:
    """What becomes of each fact's resource by the Bundle. ``resources`` are those that hold now."""
    before = {place(r): r for r in standing.resources}
    held = {place(r) for r in resources}
    written = {place(e["resource"]): e["resource"] for e in bundle["entry"]}
    made = []
    for at, resource in written.items():
        if resource["resourceType"] in _NOT_FACTS:
            continue
        old = before.get(at)
        if old is None:
            made.append(Change(at, "created"))
        elif stands(resource, old):
            made += [Change(at, "unchanged")] if at in held else []
        else:
            gone = is_in_error(resource) and not is_in_error(old)
            made.append(Change(at, "retracted" if gone else "updated"))
    made += [Change(at, "kept") for at, r in before.items() if at not in written and not is_in_error(r)]
    return tuple(made)


def changes_nothing(bundle: Json, made: Sequence[Change], standing: Standing) -> bool:
    """Whether all that the Bundle says stands on the server already; who said it by an earlier mapping stays.

    A Task that is still in the Bundle is one that a reviewer has not been given yet.
    """
    if any(change.kind not in ("unchanged", "kept") for change in made):
        return False
    found = [e["resource"] for e in bundle["entry"]]
    copies = [r for r in found if r["resourceType"] == "DocumentReference"]
    acts = [version_of(r) for r in found if r["resourceType"] == "Provenance"]
    return (
        all(r["resourceType"] != "Task" for r in found)
        and all(standing.document is not None and stands(copy, standing.document) for copy in copies)
        and {*acts} <= {version_of(p) for p in standing.provenances}
    )


def stands(resource: Json, standing: Json) -> bool:
    """Whether a server that has ``standing`` has all that ``resource`` says.

    What a server does by itself doesn't count: version, time and source of the meta, a narrative, absolute references,
    another spelling of an instant, labels that add up.
    """
    ours, theirs = resource.get("meta", {}), standing.get("meta", {})
    profiles, known = ({*meta.get("profile", ())} for meta in (ours, theirs))
    labels, had = ({_label(tag) for name in _LABELS[1:] for tag in meta.get(name, ())} for meta in (ours, theirs))
    return profiles == known and labels <= had and _content(resource) == _content(standing)


def _label(tag: Json) -> tuple[Any, Any]:
    return tag.get("system"), tag.get("code")


def _content(resource: Json) -> Any:
    return _plain({k: v for k, v in resource.items() if k not in ("meta", "text")})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: plain for k, v in value.items() if (plain := _plain(v)) not in (None, "", [], {})}
        if isinstance(kept.get("reference"), str):
            kept["reference"] = relative(kept["reference"])
        return kept
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return instant(value) if isinstance(value, str) else value
