"""What a server says that it can do, and by which strategy it is written to then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from medie_fhir.errors import FhirUnfit
from medie_fhir.model import Json

__all__ = ["NEEDED", "STUBS", "Abilities", "Identity", "Sending", "Strategy", "chosen"]

Identity = Literal["client-ids", "conditional-update", "search-then-create"]
Sending = Literal["transaction", "batch", "single"]

NEEDED = frozenset({"Condition", "Device", "DocumentReference", "Observation", "Provenance"})
"""The types that are written by any mapping like the shipped one."""

STUBS = frozenset({"Patient"})
"""What ``fhir.missing_subject: stub`` writes too: created once, however many consumers meet the patient at once."""

_IDENTITIES: tuple[Identity, ...] = ("client-ids", "conditional-update", "search-then-create")
_SENDINGS: tuple[Sending, ...] = ("transaction", "batch", "single")
_ASKED = (("Provenance", "entity"), ("Provenance", "target"))  # what earlier work on a document is found by
_BY_TAG = frozenset({"Provenance"})
_HOW = {
    "client-ids": "client ids by update-as-create",
    "conditional-update": "conditional updates by identifier",
    "search-then-create": "a search for each resource, then update or create",
    "transaction": "one transaction a document",
    "batch": "batches, put back where a part fails",
    "single": "single writes, put back where one fails",
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """A CapabilityStatement (https://hl7.org/fhir/R4/capabilitystatement.html), as far as it decides how we write.

    ``types`` are those that it names; none: it says nothing of types. ``system``: the interactions of the whole server;
    None: it names none, and no types either. ``search``: the parameters of each type that names any.
    ``heeds_if_match``: it says so, or says nothing of versions. ``silent_update_create``: a server that creates by
    update, and is known not to declare it. ``shown``: the server lets us see its
    statement; all else is as of an empty one where it doesn't.
    """

    fhir_version: str | None = None
    types: frozenset[str] = frozenset()
    update_create: frozenset[str] = frozenset()
    conditional_create: frozenset[str] = frozenset()
    conditional_update: frozenset[str] = frozenset()
    system: frozenset[str] | None = None
    search: Mapping[str, frozenset[str]] | None = None
    heeds_if_match: bool = True
    silent_update_create: bool = False
    shown: bool = True

    @classmethod
    def of(cls, statement: Json) -> Abilities:
        """What a CapabilityStatement says; what is malformed in it counts as not said."""
        rest = next((r for r in _objects(statement.get("rest")) if r.get("mode", "server") == "server"), {})
        resources = {r["type"]: r for r in _objects(rest.get("resource")) if isinstance(r.get("type"), str)}
        interactions = _objects(rest.get("interaction"))
        version, software = statement.get("fhirVersion"), statement.get("software")
        name = software.get("name") if isinstance(software, dict) else None
        policies = {r.get("versioning") for r in resources.values()} - {None}

        def declared(flag: str) -> frozenset[str]:
            return frozenset(kind for kind, r in resources.items() if r.get(flag) is True)

        # HAPI (8.8, measured) says updateCreate of no type, and does it unless its owner has switched it off.
        silent = str(name).startswith("HAPI") and not any("updateCreate" in r for r in resources.values())
        return cls(
            fhir_version=version if isinstance(version, str) else None,
            types=frozenset(resources),
            update_create=frozenset(resources) if silent else declared("updateCreate"),
            conditional_create=declared("conditionalCreate"),
            conditional_update=declared("conditionalUpdate"),
            system=frozenset(str(i.get("code")) for i in interactions) if resources or interactions else None,
            search={
                kind: frozenset(str(p.get("name")) for p in _objects(r.get("searchParam")))
                for kind, r in resources.items()
                if r.get("searchParam")
            },
            heeds_if_match=not policies or "versioned-update" in policies,
            silent_update_create=silent,
        )

    def lack(self, what: Identity | Sending, types: frozenset[str]) -> str | None:
        """What the server doesn't say that it can, of what a way of writing needs; None where nothing is lacking."""
        if what in ("transaction", "batch"):
            known = self.system is None or what in self.system
            return None if known else f"{what} (rest.interaction)"
        if what == "single" or not self.types:
            return None
        if what == "client-ids":
            return _of("update-as-create", "updateCreate", types - self.update_create)
        # A type without identifiers in R4 is found by a tag of ours, which is a parameter of every type.
        search = self.search or {}
        blind = [t for t in sorted(types - _BY_TAG) if t in search and "identifier" not in search[t]]
        if blind:
            return f"search by identifier of {', '.join(blind)} (searchParam)"
        if what == "conditional-update":
            return _of("conditional update", "conditionalUpdate", types - self.conditional_update)
        return None


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a server is written to. ``description`` is one line for people; it holds no data."""

    identity: Identity
    sending: Sending
    conditional_create: bool
    description: str

    @property
    def is_plain(self) -> bool:
        """Whether the server takes what the pipeline speaks, as it is."""
        return self.identity == "client-ids" and self.sending == "transaction"


def chosen(
    abilities: Abilities,
    identity: Identity | Literal["auto"] = "auto",
    sending: Sending | Literal["auto"] = "auto",
    types: Iterable[str] = NEEDED,
) -> Strategy:
    """The first way that the server has, of those that the settings allow. ``types`` are the types to be written.

    Raises FhirUnfit where it has none of them, in one line that says what to enable there or to set here.
    """
    wanted = frozenset(types)
    _refuse_unfit(abilities, wanted)
    by, send = _first("identity", identity, _IDENTITIES, abilities, wanted), sending
    send = _first("sending", sending, _SENDINGS, abilities, wanted)
    if by != "client-ids" and (STUBS & wanted) and not wanted <= abilities.conditional_create:
        lack = _of("conditional create", "conditionalCreate", wanted - abilities.conditional_create)
        raise FhirUnfit(
            f"fhir.missing_subject stub: two consumers could make two Patients of one, for the FHIR server doesn't"
            f" declare {lack}: enable it there, or set fhir.missing_subject to dead-letter or wait"
        )
    notes = []
    if not abilities.shown:
        notes.append("taken for granted: the server doesn't show us its CapabilityStatement")
    elif abilities.system is None:
        notes.append("taken for granted: the CapabilityStatement names no interactions")
    elif by == "client-ids" and not abilities.types:
        notes.append("client ids taken for granted: the CapabilityStatement names no types")
    elif by == "client-ids" and abilities.silent_update_create:
        notes.append("HAPI creates by update without declaring it; else set fhir.identity")
    if not abilities.heeds_if_match:
        notes.append("If-Match is not declared (versioning): another's write between reading and writing may be lost")
    ways = f"{_HOW[by]}, {_HOW[send]}"
    description = f"{ways} ({'; '.join(notes)})" if notes else ways
    return Strategy(by, send, wanted <= abilities.conditional_create, description)


def _refuse_unfit(abilities: Abilities, wanted: frozenset[str]) -> None:
    version = abilities.fhir_version
    if version is not None and not version.startswith("4."):
        raise FhirUnfit("the FHIR server's version is not R4: set fhir.base_url to its R4 endpoint")
    absent = sorted(wanted - abilities.types) if abilities.types else []
    if absent:
        raise FhirUnfit(f"the FHIR server doesn't hold {', '.join(absent)}: enable the type there, or our access to it")
    for kind, name in _ASKED:
        known = (abilities.search or {}).get(kind)
        if known and name not in known:
            raise FhirUnfit(
                f"the FHIR server can't search {kind} by {name}, so nothing could be taken back: enable that search"
                " parameter there"
            )


def _first(setting: str, given: str, ways: tuple[Any, ...], abilities: Abilities, types: frozenset[str]) -> Any:
    """The first way without a lack; or the one that the settings name, if it has none."""
    lacks = {way: abilities.lack(way, types) for way in ways if given in ("auto", way)}
    for way, lack in lacks.items():
        if lack is None:
            return way
    said = "; ".join(f"{way} needs {lack}" for way, lack in lacks.items())
    advice = "enable it there" if given == "auto" else f"enable it there, or set fhir.{setting} to auto"
    raise FhirUnfit(f"the FHIR server doesn't declare what fhir.{setting} asks for: {said}: {advice}")


def _of(ability: str, element: str, missing: frozenset[str]) -> str | None:
    return f"{ability} of {', '.join(sorted(missing))} (rest.resource.{element})" if missing else None


def _objects(value: Any) -> list[Json]:
    return list(_dicts(value)) if isinstance(value, list) else []


def _dicts(values: list[Any]) -> Iterator[Json]:
    return (value for value in values if isinstance(value, dict))
