"""The references to a note's patient and encounter, as ones that the target server holds; or nothing is written.

An event names its patient as the sender does: by an id of the sender's server, by a medical record number, by a record
that was merged into another since. Written must be the very patient, or nothing. So a literal reference is looked at,
what a search finds is compared with what was asked, and several that fit are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from medie_fhir.errors import FhirConflict, FhirForbidden, FhirRejected, SubjectAwaited, SubjectMissing
from medie_fhir.model import ExtractionRecord, Json, Outcome
from medie_fhir.ports import Clock, FhirServer
from medie_fhir.subjects.named import Named, has_identifier, has_value, is_stub, named, stub, successors
from medie_fhir.subjects.remembered import Remembered
from medie_fhir.transaction import token, transaction

__all__ = ["SubjectOptions", "Subjects"]

_MOST_MERGES = 3
_LOGICAL = ("type", "identifier")


@dataclass(frozen=True, slots=True)
class SubjectOptions:
    """What the settings say. ``base``: the target's address, so that a URL under it is known for an id there.

    ``missing``: what to do with a Patient that the target doesn't hold. ``external``: whether a Patient of another
    server is referred to by its URL. ``guarded``: create a stub only where none is (``ifMatch``). ``asks``: off for a
    target that can't be asked (a folder of Bundles): references are then written as they came.

    A place is remembered for ``remembered``, and that there is none for ``missed``: so long may a note be written for
    the record of a patient that has just been merged into another.
    """

    missing: Literal["dead-letter", "stub", "wait"] = "dead-letter"
    base: str | None = None
    external: bool = False
    guarded: bool = True
    asks: bool = True
    remembered: timedelta = timedelta(seconds=60)
    missed: timedelta = timedelta(seconds=5)
    most: int = 10_000


@dataclass(frozen=True, slots=True)
class _Held:
    """A resource that the target holds: ``Type/id``, and for an Encounter whose it is."""

    place: str
    subject: Named | None = None


@dataclass(frozen=True, slots=True)
class _Missing:
    """Why there is none. ``passing``: loading it would help; ``unknown``: nobody there has the identifier either."""

    why: str
    passing: bool = True
    unknown: bool = False


_Found = _Held | _Missing


class Subjects:
    """Finds the patients and encounters of notes on the target server. Safe for many notes at once."""

    def __init__(self, target: FhirServer, clock: Clock, options: SubjectOptions | None = None) -> None:
        self._target = target
        self._options = options or SubjectOptions()
        self._known: Remembered[_Found] = Remembered(clock, self._options.most)

    async def placed(self, record: ExtractionRecord) -> ExtractionRecord:
        """The record with references that the target holds; the same object where nothing is to be changed.

        A retraction is never refused: of a patient that is not there, it keeps the identifier alone. An encounter that
        is not there, or is another patient's, is left out likewise. Raises SubjectMissing, SubjectAwaited, FhirError.
        """
        document, retracted = record.document, record.outcome is Outcome.RETRACTED
        if document.subject is None and not retracted:
            raise SubjectMissing("the record names no patient: nothing can be written for nobody")
        subject = await self._patient(document.subject, retracted=retracted) if document.subject else None
        encounter = document.encounter and await self._encounter(document.encounter, subject)
        if (subject, encounter) == (document.subject, document.encounter):
            return record
        placed = document.model_copy(update={"subject": subject, "encounter": encounter})
        return record.model_copy(update={"document": placed})

    # --- patients ----------------------------------------------------------------------------------------------------

    async def _patient(self, given: Json, *, retracted: bool) -> Json | None:
        """The Reference to write. Raises SubjectMissing, SubjectAwaited; for a retraction, nothing or a logical one."""
        if not self._options.asks:
            return given
        wanted = named(given, "Patient", self._options.base)
        if wanted and wanted.url and self._options.external:
            return given
        found = await self._patient_of(wanted, stubs=not retracted and self._options.missing == "stub")
        if isinstance(found, _Held):
            return _reference(given, found)
        if retracted:
            return _logical(given)
        if self._options.missing == "wait" and found.passing:
            raise SubjectAwaited(f"{found.why}; trying again until it is there")
        raise SubjectMissing(found.why)

    async def _patient_of(self, wanted: Named | None, *, stubs: bool) -> _Found:
        if wanted is None:
            return _Missing("the note's subject names no Patient that can be looked for", passing=False)
        found = await self._known.get(wanted, partial(self._timed_patient, wanted))
        if not stubs or not isinstance(found, _Missing) or not found.unknown:
            return found
        if wanted.value is None:
            return _Missing(f"{found.why}; a stub can't be made, for the note gives no identifier", passing=False)
        if wanted.system is None:
            return _Missing(f"{found.why}; a stub can't be made, for its identifier has no system", passing=False)
        return await self._known.get(("stub", wanted), partial(self._timed_stub, wanted))

    async def _timed_patient(self, wanted: Named) -> tuple[_Found, timedelta]:
        return self._timed(await self._look_for(wanted))

    async def _look_for(self, wanted: Named) -> _Found:
        """By its id, if it has the note's identifier too where the note gives one; else by the identifier."""
        other = False
        if wanted.id:
            patient = await self._target.read("Patient", wanted.id)
            if patient is not None and (wanted.value is None or has_identifier(patient, wanted)):
                return _held(await self._lasting(patient))
            other = patient is not None
        if wanted.value is not None:
            return await self._by_identifier(wanted, other=other)
        if wanted.url:
            return _Missing("the note's Patient is on another server, and the note gives no identifier", passing=False)
        return _Missing("the target doesn't hold the note's Patient, and the note gives no identifier", unknown=True)

    async def _by_identifier(self, wanted: Named, *, other: bool) -> _Found:
        """The only Patient that has the identifier. A retired one counts as the one it was merged into.

        A stub gives way to the real one, and one that is not active to one that is.
        """
        found = await self._search(wanted)
        if found and wanted.system is None and await self._has_namesakes(wanted, found):
            why = "other Patients on the target have the note's identifier under a system, and the note names none"
            return _Missing(why, passing=False)
        lasting = [await self._lasting(patient) for patient in found]
        if faults := [each for each in lasting if isinstance(each, _Missing)]:
            return faults[0]
        patients = _once(each for each in lasting if not isinstance(each, _Missing))
        patients = [p for p in patients if not is_stub(p)] or patients
        patients = [p for p in patients if p.get("active") is not False] or patients
        if len(patients) == 1:
            return _held(patients[0])
        if patients:
            why = f"{len(patients)} Patients on the target have the note's identifier: merge them, or mend it"
            return _Missing(why, passing=False)
        if other:
            why = "the Patient under the note's id is another one (it lacks the note's identifier), and none has it"
            return _Missing(why, unknown=True)
        return _Missing("the target holds no Patient with the note's identifier", unknown=True)

    async def _lasting(self, patient: Json) -> Json | _Missing:
        """The Patient itself, or the one that it was merged into (``link`` of the type ``replaced-by``)."""
        for _ in range(1 + _MOST_MERGES):
            following = successors(patient, self._options.base)
            if not following:
                return patient
            if len(following) > 1 or following[0] is None or following[0].id is None:
                return _Missing("the note's Patient was replaced by one that can't be told", passing=False)
            into = await self._target.read("Patient", following[0].id)
            if into is None:
                return _Missing("the note's Patient was merged into one that the target doesn't hold")
            patient = into
        why = f"the note's Patient was merged more than {_MOST_MERGES} times, or in a circle"
        return _Missing(why, passing=False)

    # --- stubs -------------------------------------------------------------------------------------------------------

    async def _timed_stub(self, wanted: Named) -> tuple[_Found, timedelta]:
        return self._timed(await self._made(stub(wanted.system or "", wanted.value or ""), wanted))

    async def _made(self, patient: Json, wanted: Named) -> _Found:
        """A stub of ours, created and never written over another: by its id, two that race make one."""
        if standing := await self._standing_stub(patient, wanted):  # a search may not know it yet
            return standing
        bundle = transaction([patient])
        if self._options.guarded:
            bundle["entry"][0]["request"]["ifMatch"] = 'W/"0"'  # of none: see transaction.guarded
        try:
            answer = await self._target.transact(bundle)
        except FhirConflict:
            if standing := await self._standing_stub(patient, wanted):
                return standing
            answer = await self._target.transact(transaction([patient]))  # deleted once: its version is not of none
        return _Held(_written(answer, patient))

    async def _standing_stub(self, patient: Json, wanted: Named) -> _Found | None:
        standing = await self._target.read("Patient", patient["id"])
        if standing is None:
            return None
        if not has_identifier(standing, wanted):
            return _Missing("the stub of the note's Patient has lost its identifier: a person's work", passing=False)
        return _held(await self._lasting(standing))

    # --- encounters --------------------------------------------------------------------------------------------------

    async def _encounter(self, given: Json, patient: Json | None) -> Json | None:
        """The Reference to write: to an Encounter of this (placed) patient, else a logical one, else nothing."""
        wanted = named(given, "Encounter", self._options.base) if self._options.asks else None
        if wanted is None or not (wanted.id or wanted.value):
            return _logical(given)
        found = await self._known.get(wanted, partial(self._timed_encounter, wanted))
        if isinstance(found, _Held) and patient is not None:
            theirs = await self._patient_of(found.subject, stubs=False)
            if isinstance(theirs, _Held) and theirs.place == patient.get("reference"):
                return _reference(given, found)
        return _logical(given)

    async def _timed_encounter(self, wanted: Named) -> tuple[_Found, timedelta]:
        try:
            encounter = await self._target.read("Encounter", wanted.id) if wanted.id else None
            if encounter is None or (wanted.value is not None and not has_identifier(encounter, wanted)):
                found = await self._search(wanted)
                encounter = found[0] if len(found) == 1 else None
        except (FhirForbidden, FhirRejected):  # not for us to read, or no such search: it is only context
            encounter = None
        if encounter is None:
            return self._timed(_Missing("the target doesn't hold the note's Encounter"))
        subject = named(encounter.get("subject") or {}, "Patient", self._options.base)
        return self._timed(_Held(f"Encounter/{encounter['id']}", subject))

    # --- both --------------------------------------------------------------------------------------------------------

    async def _search(self, wanted: Named) -> list[Json]:
        """Those that have the very identifier, once each, whatever else the server's search finds."""
        if wanted.value is None:
            return []
        found = await self._target.search(wanted.kind, {"identifier": token(wanted.system, wanted.value)})
        return _once(resource for resource in found if has_identifier(resource, wanted))

    async def _has_namesakes(self, wanted: Named, found: list[Json]) -> bool:
        """Whether others have the value under a system: who names no system may mean any (FHIR R4, search, token)."""
        value = token(None, wanted.value or "").removeprefix("|")
        others = await self._target.search(wanted.kind, {"identifier": value})
        known = {resource["id"] for resource in found}
        return any(has_value(other, wanted) for other in others if other["id"] not in known)

    def _timed(self, found: _Found) -> tuple[_Found, timedelta]:
        return found, self._options.remembered if isinstance(found, _Held) else self._options.missed


def _held(patient: Json | _Missing) -> _Found:
    return patient if isinstance(patient, _Missing) else _Held(f"Patient/{patient['id']}")


def _once(resources: Iterable[Json]) -> list[Json]:
    return list({resource["id"]: resource for resource in resources}.values())


def _reference(given: Json, found: _Held) -> Json:
    """The literal reference; as it was given where it names the same place, for then nothing is to be rendered anew."""
    return given if given.get("reference") == found.place else {"reference": found.place}


def _logical(given: Json) -> Json | None:
    return {name: given[name] for name in _LOGICAL if name in given} if given.get("identifier") else None


def _written(answer: Json, patient: Json) -> str:
    """Where the server says that it has put a Patient: under our id, or one of its own."""
    entries = answer.get("entry") or [{}]
    location = str(entries[0].get("response", {}).get("location", "")).partition("/_history/")[0]
    own = named({"reference": f"Patient/{location.rpartition('/')[2]}"}, "Patient", None)
    return f"Patient/{own.id if own and own.id else patient['id']}"
