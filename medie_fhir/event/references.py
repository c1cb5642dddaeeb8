"""References, as far as they can be followed from outside of the resource and the Bundle that they stand in.

Kept are ``reference``, ``type`` and ``identifier``, never ``display``, which may be a name. What points into the
resource (``#p1``) or the Bundle (``urn:uuid:…``) means nothing outside of it, so it is replaced by what it points at:
``Patient/{id}`` of a Bundle's entry, else its identifier. A conditional reference (``Patient?identifier=…``) becomes a
logical one (FHIR R4, references, §2.3.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from medie_fhir.event.elements import ID, identifier, many, one, string, version_id
from medie_fhir.model import Json

__all__ = ["TYPE_NAME", "Surroundings", "kept", "kept_all", "literal", "type_of"]

TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{0,63}\Z")
_LITERAL = re.compile(
    r"(?P<base>https?://[!-~]+/)?(?P<type>[A-Z][A-Za-z]{0,63})/(?P<id>[^/?#\s|]+)(/_history/(?P<version>[^/?#\s|]+))?"
)
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]{0,63})\?identifier=(?P<token>[^&]+)")


@dataclass(frozen=True)
class Surroundings:
    """What a resource's references may point at: its contained resources, and the entries of its Bundle.

    ``base`` is the address of the server that the Bundle's ``fullUrl`` names: what lies under it is relative.
    """

    contained: dict[str, Json] = field(default_factory=dict)
    entries: dict[str, Json] = field(default_factory=dict)
    base: str | None = None

    def within(self, resource: Json) -> Surroundings:
        """The same, seen from inside of a resource."""
        listed = resource.get("contained")
        inner = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        contained = {f"#{each['id']}": each for each in inner if isinstance(each.get("id"), str)}
        return Surroundings(contained, self.entries, self.base)

    def find(self, reference: str) -> Json | None:
        """The resource behind a reference, where it is near."""
        return self.contained.get(reference) or self.entries.get(reference)


def literal(reference: str, base: str | None = None) -> tuple[str, str, str | None] | None:
    """``(reference without version, type, version)`` of a literal reference, or None for what is none."""
    match = _LITERAL.fullmatch(reference)
    if match is None or not ID.match(match["id"]):
        return None
    path = f"{match['type']}/{match['id']}"
    near = match["base"] is None or match["base"] == base
    return (path if near else match["base"] + path), match["type"], version_id(match["version"])


def kept(reference: Json, around: Surroundings) -> Json | None:
    """The reference without names, or None for one that leads nowhere."""
    target = string(reference, "reference")
    own = one(reference, "identifier")
    found: Json = {}
    if own and (plain := identifier(own)):
        found["identifier"] = plain
    kind = string(reference, "type")
    if kind and TYPE_NAME.match(kind):
        found["type"] = kind
    found |= _followed(target, around) if target else {}
    return found if "reference" in found or "identifier" in found else None


def _followed(target: str, around: Surroundings) -> Json:
    if target.startswith(("#", "urn:")):
        near = around.find(target)
        return _named(near, addressable=not target.startswith("#")) if near else {}
    if direct := literal(target, around.base):
        return {"reference": direct[0]}
    if match := _CONDITIONAL.fullmatch(target):
        system, bar, value = unquote(match["token"]).rpartition("|")
        named = {"system": system, "value": value} if bar and system else {"value": value}
        return {"type": match["type"], "identifier": named} if value.strip() else {}
    return {}


def _named(resource: Json, *, addressable: bool) -> Json:
    """A reference to a resource that is near: by its address, or by its best identifier.

    One with a system goes before one without, which may be anyone's, and an old one last: it may be another's by now.
    """
    kind, own = resource.get("resourceType"), resource.get("id")
    if not isinstance(kind, str) or not TYPE_NAME.match(kind):
        return {}
    if addressable and isinstance(own, str) and ID.match(own):
        return {"reference": f"{kind}/{own}"}
    named = [plain for each in many(resource, "identifier") if (plain := identifier(each))]
    best = min(named, key=lambda each: (each.get("use") == "old", "system" not in each), default=None)
    return {"type": kind, "identifier": best} if best else {}


def kept_all(references: list[Json], around: Surroundings) -> tuple[Json, ...]:
    """All of the references that lead somewhere."""
    return tuple(filter(None, (kept(each, around) for each in references)))


def type_of(reference: Json) -> str | None:
    """The type of resource that a kept reference says it is of."""
    direct = literal(reference["reference"]) if "reference" in reference else None
    return direct[1] if direct else reference.get("type")
