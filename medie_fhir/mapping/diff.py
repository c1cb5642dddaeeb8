"""What one rendering of a record has that another hasn't: resource by resource, element by element.

Resources are matched by type and id; an id is made of document, field and meaning, and so is the same whichever mapping
made the resource. What stands in another order in the Bundle is no change. Lists are aligned (difflib), so that an
extension that is put before others is one addition, and not a change of all that follow.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum, StrEnum
from typing import Any, Final

from medie_fhir.model import Json

__all__ = ["ABSENT", "Absent", "Change", "ElementChange", "ResourceChange", "apply", "diff", "elements", "path_text"]

Path = tuple[str | int, ...]


class Absent(Enum):
    """What stands in the place of an element that is not there; null is a value in JSON."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class Change(StrEnum):
    """What becomes of a resource."""

    ADDED = "added"
    CHANGED = "changed"
    RETRACTED = "retracted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class ElementChange:
    """An element that is another, came (``old`` is ABSENT) or went (``new`` is ABSENT).

    ``path``: in the old resource where it went, else in the new one.
    """

    path: Path
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """A resource of either rendering, or of both; ``elements`` are those that are others, where it is changed."""

    change: Change
    old: Json | None
    new: Json | None
    elements: tuple[ElementChange, ...] = ()

    @property
    def resource(self) -> Json:
        """The resource as it becomes; as it was, where it is retracted."""
        return self.new or self.old or {}


def diff(old: Iterable[Json], new: Iterable[Json]) -> list[ResourceChange]:
    """All resources of two renderings of one record: the new ones in their order, then the retracted ones.

    Laws: of ``diff(a, a)`` all is unchanged, and ``apply(diff(a, b), a) == b``.
    """
    before, after = ({_key(r): r for r in resources} for resources in (old, new))
    changes = [_one(before.get(key), resource) for key, resource in after.items()]
    gone = (resource for key, resource in before.items() if key not in after)
    return changes + [ResourceChange(Change.RETRACTED, resource, None) for resource in gone]


def _one(old: Json | None, new: Json) -> ResourceChange:
    if old is None:
        return ResourceChange(Change.ADDED, None, new)
    found = tuple(elements(old, new))
    return ResourceChange(Change.CHANGED if found else Change.UNCHANGED, old, new, found)


def _key(resource: Json) -> tuple[Any, Any]:
    return resource.get("resourceType"), resource.get("id")


def elements(old: Any, new: Any) -> Iterator[ElementChange]:
    """The elements that differ, as deep as both have them; nothing where both are the same JSON (1 is not 1.0)."""
    yield from _between(old, new, (), ())


def _between(old: Any, new: Any, at: Path, to: Path) -> Iterator[ElementChange]:
    if old is ABSENT or new is ABSENT:
        yield ElementChange(at if new is ABSENT else to, old, new)
    elif _text(old) == _text(new):
        return
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _between(old.get(name, ABSENT), new.get(name, ABSENT), (*at, name), (*to, name))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, at, to)
    else:
        yield ElementChange(to, old, new)


def _of_lists(old: list[Any], new: list[Any], at: Path, to: Path) -> Iterator[ElementChange]:
    """Items that are the same are paired first, then those of the same kind; what is left came or went."""
    pairs = _pairs(old, new)
    yield from (ElementChange((*at, i), item, ABSENT) for i, item in enumerate(old) if i not in pairs)
    where = {j: i for i, j in pairs.items()}
    for j, item in enumerate(new):
        if j in where:
            yield from _between(old[where[j]], item, (*at, where[j]), (*to, j))
        else:
            yield ElementChange((*to, j), ABSENT, item)


def _pairs(old: Sequence[Any], new: Sequence[Any]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    for tag, i, i_end, j, j_end in _blocks([_text(item) for item in old], [_text(item) for item in new]):
        if tag == "equal":
            pairs |= zip(range(i, i_end), range(j, j_end), strict=True)
        elif tag == "replace":
            kinds = [_kind(item) for item in old[i:i_end]], [_kind(item) for item in new[j:j_end]]
            for alike, a, a_end, b, b_end in _blocks(*kinds):
                if alike == "equal":
                    pairs |= zip(range(i + a, i + a_end), range(j + b, j + b_end), strict=True)
    return pairs


def _blocks(old: list[str], new: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _kind(item: Any) -> str:
    """What an item of a list is known by: an extension by its URL, a coding by its system, others by their shape."""
    if isinstance(item, dict):
        return next((f"{name} {item[name]}" for name in ("url", "system") if name in item), " ".join(sorted(item)))
    return type(item).__name__


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def apply(changes: Iterable[ResourceChange], old: Iterable[Json]) -> list[Json]:
    """The new rendering, of the old one and the changes alone."""
    before = {_key(r): r for r in old}
    made: list[Json] = []
    for change in changes:
        if change.change is Change.ADDED and change.new is not None:
            made.append(change.new)
        elif change.change is not Change.RETRACTED:
            made.append(_patched(before[_key(change.resource)], change.elements))
    return made


def _patched(resource: Json, changed: Iterable[ElementChange]) -> Json:
    """What goes, from the end, at its old places; then what comes or is another, from the start, at its new ones."""
    made = copy.deepcopy(resource)
    in_order = sorted(changed, key=lambda c: c.path)  # at one place all steps are names, or all are numbers
    for change in reversed(in_order):
        if change.new is ABSENT:
            del _parent(made, change.path)[change.path[-1]]
    for change in in_order:
        if change.new is ABSENT:
            continue
        parent, last = _parent(made, change.path), change.path[-1]
        if change.old is ABSENT and isinstance(parent, list) and isinstance(last, int):
            parent.insert(last, change.new)
        else:
            parent[last] = change.new
    return made


def _parent(resource: Any, path: Path) -> Any:
    for step in path[:-1]:
        resource = resource[step]
    return resource


def path_text(resource: Json, path: Path, *, indexed: bool = True) -> str:
    """An element's path as FHIRPath writes it: ``Observation.component[1].code``."""
    steps = (f".{step}" if isinstance(step, str) else f"[{step}]" if indexed else "" for step in path)
    return f"{resource.get('resourceType', 'Resource')}{''.join(steps)}"
