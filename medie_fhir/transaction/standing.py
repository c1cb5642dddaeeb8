"""What stands on the server for a document from earlier work, and what of it no longer holds.

Found through ``Provenance?entity=DocumentReference/…``: its targets are what we wrote. Nothing is ever deleted: what
no longer holds becomes ``entered-in-error`` (FHIR R4, Observation.status and Condition.verificationStatus), and the
same id comes back to life when the fact returns. What someone else has changed is told in ``judged``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from medie_fhir.fhir_names import ENTERED_IN_ERROR, VERIFICATION_SYSTEM
from medie_fhir.model import DocumentVersion, ExtractionRecord, Json, RetractionReason
from medie_fhir.transaction.identity import BASE
from medie_fhir.transaction.stamp import relative

__all__ = [
    "VERSION_SYSTEM",
    "Standing",
    "entered_in_error",
    "is_in_error",
    "place",
    "recorded_at",
    "retracted",
    "targets",
    "version_of",
]

VERSION_SYSTEM = f"{BASE}/document-version"
_CLOCKS_APART = timedelta(hours=1)
_NOT_OURS_TO_RETRACT = frozenset({"DocumentReference", "Device", "Patient", "Encounter", "Provenance"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Earlier work on a document: our copy of its metadata, the Provenances, and what stands of its facts.

    ``resources`` are those that the Provenances name, and those under the ids of what is to be written: a Provenance
    may have been lost. ``others`` are Provenances of someone else's that name any of them. ``is_copy_deleted``: someone
    has deleted our copy, and all else may stand.
    """

    document: Json | None = None
    provenances: tuple[Json, ...] = ()
    resources: tuple[Json, ...] = ()
    others: tuple[Json, ...] = ()
    is_copy_deleted: bool = False

    @property
    def is_known(self) -> bool:
        """Whether anything at all is known of the document."""
        return self.document is not None or bool(self.provenances) or self.is_copy_deleted

    def outdates(self, record: ExtractionRecord) -> bool:
        """Whether the record is stale.

        A deletion's time is the broker's clock, which may be behind the EHR's: one that is not known yet is heard even
        where it seems a little older than what stands.
        """
        version = record.document.version
        if record.reason is RetractionReason.DELETED and version not in map(version_of, self.provenances):
            version = version.later(_CLOCKS_APART)
        return self.knows_newer_than(version) or self.is_echo(record.document.version)

    def knows_newer_than(self, version: DocumentVersion) -> bool:
        """Whether a newer version of the document was already worked on, so that this one is stale."""
        return any(version.older_than(known) for known in map(version_of, self.provenances) if known)

    def is_echo(self, version: DocumentVersion) -> bool:
        """Whether this version was worked on already, and after it one that it can't be compared with.

        So what is read again (a number, and a deletion that has only a time) ends as it did, without a detour.
        """
        told = ((version_of(p), recorded_at(p)) for p in self.provenances)
        known = [(each, at) for each, at in told if each is not None and at is not None]
        own = max((at for each, at in known if each == version), default=None)
        return own is not None and any(
            at > own for each, at in known if each != version and not each.older_than(version)
        )

    def recorded(self, provenance: str) -> str | None:
        """When this very work was first recorded, where it was: done again, it keeps its time and makes no version."""
        return next((p.get("recorded") for p in self.provenances if p.get("id") == provenance), None)


def targets(provenances: Iterable[Json]) -> list[str]:
    """The references (``Condition/…``) of all that our Provenances name, once each; not what is never retracted.

    Where the target server holds the original document, others' Provenances name it too: their targets are not ours.
    """
    ours = (p for p in provenances if version_of(p) is not None)
    found = (relative(t.get("reference", "")) for p in ours for t in p.get("target", ()))
    return [r for r in dict.fromkeys(found) if "/" in r and r.split("/")[0] not in _NOT_OURS_TO_RETRACT]


def version_of(provenance: Json) -> DocumentVersion | None:
    """The version of the document that a Provenance speaks of."""
    for entity in provenance.get("entity", ()):
        identifier = entity.get("what", {}).get("identifier", {})
        if identifier.get("system") == VERSION_SYSTEM:
            value = identifier.get("value")
            return DocumentVersion(
                version_id=None if value == "unnumbered" else value,
                last_updated=identifier.get("period", {}).get("start"),
            )
    return None


def recorded_at(provenance: Json) -> datetime | None:
    """The instant that a Provenance says that it was recorded at; None where that is no time."""
    try:
        moment = datetime.fromisoformat(provenance.get("recorded") or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def place(resource: Json) -> str:
    """Where a resource is: ``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def retracted(standing: Sequence[Json], kept: frozenset[str]) -> list[Json]:
    """What stands and is not in ``kept`` (references), rewritten as entered in error; what already is, is left out."""
    return [entered_in_error(r) for r in standing if place(r) not in kept and not is_in_error(r)]


def is_in_error(resource: Json) -> bool:
    """Whether a resource says of itself that it was entered in error."""
    if resource["resourceType"] == "Condition":
        codings = resource.get("verificationStatus", {}).get("coding", ())
        return any(c.get("code") == ENTERED_IN_ERROR for c in codings)
    return bool(resource.get("status") == ENTERED_IN_ERROR)


def entered_in_error(resource: Json) -> Json:
    """The resource, rewritten as one that should never have been."""
    gone = deepcopy(resource)
    meta = gone.get("meta", {})
    for servers_own in ("versionId", "lastUpdated"):
        meta.pop(servers_own, None)
    if gone["resourceType"] == "Condition":
        gone.pop("clinicalStatus", None)  # con-5: none where verificationStatus is entered-in-error
        gone["verificationStatus"] = {"coding": [{"system": VERIFICATION_SYSTEM, "code": ENTERED_IN_ERROR}]}
    else:
        gone["status"] = ENTERED_IN_ERROR
    return gone
