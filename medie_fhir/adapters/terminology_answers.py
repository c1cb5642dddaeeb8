"""What a terminology server is asked, and what its answer means. Pure.

Source: https://hl7.org/fhir/R4/terminology-service.html and the operations' own pages.

A code is taken only where the server says that it means just the value: a translation that is ``equal`` or
``equivalent``, a code that is valid and has a display. What is wider, narrower, inexact, inactive or ambiguous is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from medie_fhir.model import Coding, Json
from medie_fhir.settings import TerminologyQuestion

__all__ = ["PATHS", "codings", "question"]

PATHS: Final = {
    "translate": "ConceptMap/$translate",
    "validate-code": "ValueSet/$validate-code",
    "lookup": "CodeSystem/$lookup",
}
"""The operations' places under the base URL."""

_SAME: Final = frozenset({"equal", "equivalent"})  # R4's equivalence; of R5's relationship, "equivalent"
_CODE: Final = re.compile(r"\S+( \S+)*")
_URI: Final = re.compile(r"\S+")


def question(asked: TerminologyQuestion, value: str) -> Json | None:
    """The Parameters of the operation; None for a value that can't be a FHIR code, for it is blank."""
    word = " ".join(value.split())
    if not word:
        return None
    word = word.lower() if asked.lower_case else word
    uris = {
        "url": asked.concept_map or asked.value_set,
        "system": asked.system,
        "targetsystem": asked.target_system,
    }
    parameters: list[Json] = [{"name": name, "valueUri": uri} for name, uri in uris.items() if uri]
    return {"resourceType": "Parameters", "parameter": [*parameters, {"name": "code", "valueCode": word}]}


def codings(asked: TerminologyQuestion, sent: Json, answered: Json) -> tuple[Coding, ...]:
    """The codes that mean just what was sent; none where the server knows no such."""
    if asked.operation == "translate":
        return _translations(asked, answered)
    return _known(asked, str(_value(sent, "code")), answered)


def _translations(asked: TerminologyQuestion, answered: Json) -> tuple[Coding, ...]:
    """One code a system, by the systems' names, so that the order doesn't hang on the server's.

    None at all where the server names two of one system: which of them is meant, nobody can tell.
    """
    if _value(answered, "result") is not True:
        return ()
    found: dict[str, Coding] = {}
    for match in _named(answered, "match"):
        parts = {"resourceType": "Parameters", "parameter": match.get("part")}
        same = _value(parts, "equivalence") or _value(parts, "relationship")
        coding = _coding(_value(parts, "concept"))
        if same not in _SAME or coding is None or any(_named(parts, "product")):
            continue
        if asked.target_system is not None and coding.system != asked.target_system:
            continue
        if found.setdefault(coding.system, coding).code != coding.code:
            return ()
    return tuple(found[system] for system in sorted(found))


def _known(asked: TerminologyQuestion, sent: str, answered: Json) -> tuple[Coding, ...]:
    """The code that was sent, as the server writes it: it may tell no case apart."""
    if asked.operation == "validate-code" and _value(answered, "result") is not True:
        return ()
    if _value(answered, "inactive") is True or any(_is_inactive(each) for each in _named(answered, "property")):
        return ()
    code = _value(answered, "code") or sent
    display, system = _value(answered, "display"), _value(answered, "system") or asked.system
    coding = _coding({"system": system, "code": code, "display": display})
    if coding is None or coding.display is None or coding.system != asked.system:
        return ()
    return (coding,) if coding.code.casefold() == sent.casefold() else ()


def _is_inactive(told: Json) -> bool:
    parts = {"parameter": told.get("part")}
    return _value(parts, "code") == "inactive" and _value(parts, "value") is True


def _coding(value: Any) -> Coding | None:
    """A Coding as FHIR has it, or None."""
    if not isinstance(value, dict):
        return None
    system, code, display = (value.get(name) for name in ("system", "code", "display"))
    if not (isinstance(system, str) and _URI.fullmatch(system) and isinstance(code, str) and _CODE.fullmatch(code)):
        return None
    shown = display.strip() if isinstance(display, str) else ""
    return Coding(system=system, code=code, display=shown or None)


def _value(parameters: Json, name: str) -> Any:
    """The value of the first parameter of a name, whatever its type; None where there is none."""
    for parameter in _named(parameters, name):
        return next((value for key, value in parameter.items() if key.startswith("value")), None)
    return None


def _named(parameters: Json, name: str) -> Iterator[Json]:
    given = parameters.get("parameter")
    for parameter in given if isinstance(given, list) else ():
        if isinstance(parameter, dict) and parameter.get("name") == name:
            yield parameter
