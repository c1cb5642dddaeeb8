"""A mapping tried on made-up facts of every shape, before the first note: what fails, and what would say too much.

A policy may admit what is not so (absent), not yet so (planned), not sure, not so any more, or not of the patient. A
template that makes the same of it as of what is present and the patient's tells a falsehood. By the harm that it does,
absent and another person's is a fault; possible, planned, and a past disease that is told as an active one, a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from medie_fhir.errors import RenderError
from medie_fhir.mapping.file import MappingFile, Template
from medie_fhir.mapping.policy import FieldPolicy
from medie_fhir.mapping.render import rehearsed
from medie_fhir.mapping.samples import full_record, sample_facts, sample_record
from medie_fhir.model import Assertion, Experiencer, ExtractionRecord, Json

__all__ = ["Rehearsal", "rehearse"]

_SOURCE: Final = {"reference": "DocumentReference/sample"}
_Path = tuple[str | int, ...]
_Said = tuple[Assertion, Experiencer]

_PLAIN: Final = (Assertion.PRESENT, Experiencer.PATIENT)
_FAULTS: Final = frozenset({Assertion.ABSENT, Experiencer.FAMILY, Experiencer.OTHER})
_UNSURE: Final = frozenset({"unconfirmed", "provisional", "differential"})
_REQUESTS: Final = frozenset(
    "CarePlan DeviceRequest MedicationRequest NutritionOrder RequestGroup ServiceRequest".split()  # noqa: SIM905 - as above
)
_AS: Final = {
    Assertion.ABSENT: "as if it were present",
    Assertion.POSSIBLE: "as if it were certain",
    Assertion.PLANNED: "as if it were done",
    Assertion.HISTORICAL: "as if it were active still",
    Experiencer.FAMILY: "as if it were the patient's",
    Experiencer.OTHER: "as if it were the patient's",
}


@dataclass(slots=True)
class Rehearsal:
    """``faults`` are lines with their place; ``harmful`` and ``doubtful`` are what a policy admits, by its path."""

    faults: list[str] = field(default_factory=list)
    harmful: list[tuple[_Path, str]] = field(default_factory=list)
    doubtful: list[tuple[_Path, str]] = field(default_factory=list)


def rehearse(file: MappingFile, but: Collection[str | int]) -> Rehearsal:
    """Try every template but those, for what its field's policy admits, with and without codes, date and primary."""
    found = Rehearsal()
    for index, template in enumerate(file.templates):
        policy = file.policy.get(template.field)
        if index in but:
            continue
        made, faults = _tried(template, policy or FieldPolicy(), file)
        found.faults += faults
        if policy is not None and not faults:
            for path, value in _admitted(policy):
                if _is_told_as_plain(value, made, template):
                    where = found.harmful if value in _FAULTS else found.doubtful
                    where.append((("policy", template.field, *path), _warned(value, template)))
    return found


def _tried(
    template: Template, policy: FieldPolicy, file: MappingFile
) -> tuple[dict[_Said, list[Json | None]], list[str]]:
    """What a template makes of the samples, by what is said of them and of whom; and its faults."""
    faults: dict[str, None] = {}
    made: dict[_Said, list[Json | None]] = {}
    assertions = dict.fromkeys((Assertion.PRESENT, *policy.assertions))
    experiencers = dict.fromkeys((Experiencer.PATIENT, *policy.experiencers))
    for fact in sample_facts(template.field, assertions, experiencers):
        said = (fact.fact.assertion, fact.fact.experiencer)
        admitted = said[0] in policy.assertions and said[1] in policy.experiencers
        for record, primary in _settings(template, file):
            try:
                resource = rehearsed(
                    template, fact, record, source=_SOURCE, recorded=record.produced.at, primary=primary
                )
            except RenderError as error:
                if admitted:
                    faults[str(error)] = None
                continue
            made.setdefault(said, []).append(resource)
    return made, list(faults)


def _settings(template: Template, file: MappingFile) -> Iterator[tuple[ExtractionRecord, Json | None]]:
    """What may be known beside the fact: all, with the cancer that it belongs to; a date alone; nothing."""
    of_primary = [t.resource["resourceType"] for t in file.templates if t.field == file.primary_field]
    primary = {"reference": f"{of_primary[0]}/sample"} if of_primary and template.field != file.primary_field else None
    yield full_record(), primary
    yield sample_record(dated=True), None
    yield sample_record(dated=False), None


def _admitted(policy: FieldPolicy) -> Iterator[tuple[_Path, Assertion | Experiencer]]:
    """Each thing that a policy admits beyond what is present and the patient's, with its path."""
    for index, assertion in enumerate(policy.assertions):
        if assertion is not Assertion.PRESENT:
            yield ("assertions", index), assertion
    for index, experiencer in enumerate(policy.experiencers):
        if experiencer is not Experiencer.PATIENT:
            yield ("experiencers", index), experiencer


def _is_told_as_plain(value: Assertion | Experiencer, made: dict[_Said, list[Json | None]], template: Template) -> bool:
    """Whether a template makes the same of it as of what is plain, for every sample, and that is not its honest way."""
    of_it = made.get((value, _PLAIN[1]) if isinstance(value, Assertion) else (_PLAIN[0], value), [])
    resources = [resource for resource in of_it if resource is not None]
    if not resources or of_it != made.get(_PLAIN):
        return False
    kind = template.resource["resourceType"]
    if value in (Experiencer.FAMILY, Experiencer.OTHER):
        return bool(kind != "FamilyMemberHistory")
    if value is Assertion.PLANNED:
        return kind not in _REQUESTS
    if value is Assertion.POSSIBLE:
        return not all(_codes(resource, "verificationStatus") & _UNSURE for resource in resources)
    if value is Assertion.HISTORICAL:
        return any("active" in _codes(resource, "clinicalStatus") for resource in resources)
    return True


def _codes(resource: Json, element: str) -> set[str]:
    return {coding.get("code", "") for coding in resource.get(element, {}).get("coding", ())}


def _warned(value: Assertion | Experiencer, template: Template) -> str:
    asked = "%fact.assertion" if isinstance(value, Assertion) else "%fact.experiencer"
    return (
        f"what is {value} is written by template '{template.name}' {_AS[value]}: leave '{value}' out, or have the"
        f" template ask for it, as in when: {asked} != '{value}'"
    )
