"""How sure a fact is: the probability that it is right, from who saw it, how surely, and what the note says of it.

A model's log probabilities and a rule's confidence mean different things. A task may say, field by field, what they are
worth: a logistic regression (Platt 1999) whose weights are data, beside the task's file. See docs/confidence.md.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, ValidationError

from medie_fhir.errors import InvalidTask
from medie_fhir.extraction import READER as MODEL
from medie_fhir.extraction import UniqueKeys
from medie_fhir.lexicon import READER as LEXICON
from medie_fhir.model import Alignment, Assertion, CodedFact, Experiencer, Fact, Frozen

__all__ = [
    "MONOTONE",
    "Calibration",
    "Weights",
    "calibrated",
    "combined",
    "features",
    "in_the_words_of",
    "load_calibration",
]

_LEAST: Final = 0.01  # a reader's own confidence is taken to lie between this and 1 less this
_MOST_LOGIT: Final = math.log((1 - _LEAST) / _LEAST)
_UNTOLD: Final = 0.9  # the own confidence of a reader that gives none
_MOST_SUM: Final = 6.9  # no probability below 0.001 or above 0.999: no fit on some hundred values knows more

_Weight = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]
_Rising = Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)]


class Weights(Frozen):
    """What each feature of a fact adds to the logarithm of its odds of being right.

    ``constant`` counts always. ``model_logit``, ``lexicon_logit``: the logit of the reader's own confidence, cut to
    0.01 and 0.99; never less for more of it. ``model_alone``, ``lexicon_alone``: 1 where only this reader saw it;
    ``…_against``: and the other one saw something else of the field in this note, from 0 to 1 by how surely;
    ``…_agreeing``: and by how much of what the lexical reader saw in this note the model saw too, from -1, nothing, to
    1. The others are 1 or 0: ``ungrounded``, ``fuzzy``: how it was found; ``absent``, ``possible``, ``planned``,
    ``historical``: what the note says of it; ``another``: of somebody else than the patient.
    """

    constant: _Weight
    model_logit: _Rising = 0.0
    lexicon_logit: _Rising = 0.0
    model_alone: _Weight = 0.0
    lexicon_alone: _Weight = 0.0
    model_against: _Weight = 0.0
    lexicon_against: _Weight = 0.0
    model_agreeing: _Weight = 0.0
    lexicon_agreeing: _Weight = 0.0
    ungrounded: _Weight = 0.0
    fuzzy: _Weight = 0.0
    absent: _Weight = 0.0
    possible: _Weight = 0.0
    planned: _Weight = 0.0
    historical: _Weight = 0.0
    another: _Weight = 0.0


MONOTONE: Final = frozenset({"model_logit", "lexicon_logit"})
"""The features of which more is never worth less."""


class Calibration(Frozen):
    """The weights of each field, where both readers read; a field without any keeps the readers' own confidences.

    ``least``: the least probability of what counts as read by both readers together.
    """

    version: Literal[1]
    least: float = Field(default=0.5, ge=0, le=1)
    fields: Mapping[str, Weights] = Field(min_length=1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it, in a canonical form."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def calibrated(facts: Sequence[Fact], calibration: Calibration | None) -> tuple[Fact, ...]:
    """The facts of one note, each with the probability that it is right; as they are without a calibration."""
    if calibration is None:
        return tuple(facts)
    fields = calibration.fields
    return tuple(
        fact.model_copy(update={"confidence": _probability(fields[fact.field], seen)}) if fact.field in fields else fact
        for fact, seen in zip(facts, features(facts), strict=True)
    )


def combined(coded: Sequence[CodedFact], calibration: Calibration | None) -> tuple[Fact, ...]:
    """What both readers together read in a note, whatever may be written of it, in the model's words where it saw it.

    That is what is probable enough. What means the same by the terminology tables counts once, as what the model saw
    of it where it did, else as the most probable. Without a calibration all of it is read.
    """
    least = calibration.least if calibration else 0.0
    probable = [one for one in coded if (one.fact.confidence or 0.0) >= least]
    best: dict[tuple[str, str], Fact] = {}
    for one in sorted(probable, key=lambda one: (MODEL not in one.fact.readers, -(one.fact.confidence or 0.0))):
        best.setdefault((one.fact.field, one.concept.key), one.fact)
    return in_the_words_of(tuple(best.values()), MODEL)


def in_the_words_of(facts: Sequence[Fact], reader: str) -> tuple[Fact, ...]:
    """The facts in a reader's own words, each wording once; those that it did not see stay."""
    own = {
        (fact.field, value): fact.model_copy(update={"value": value})
        for fact in facts
        for value in [one.value for one in fact.sightings if one.reader == reader] or [fact.value]
    }
    return tuple(own.values())


def features(facts: Sequence[Fact]) -> tuple[Mapping[str, float], ...]:
    """What is looked at in each fact of one note, by the names of :class:`Weights`; what isn't there is 0."""
    surely, agreement = _surely(facts), _agreement(facts)
    return tuple({name: value for name, value in _features(fact, surely, agreement) if value} for fact in facts)


def _surely(facts: Sequence[Fact]) -> Mapping[tuple[str, str], float]:
    """How sure each reader was of what it saw of each field, as a share of the greatest logit."""
    seen: dict[tuple[str, str], float] = {}
    for fact in facts:
        for reader in fact.readers:
            key = fact.field, reader
            seen[key] = max(seen.get(key, 0.0), _logit(fact, reader) / _MOST_LOGIT)
    return seen


def _agreement(facts: Sequence[Fact]) -> float:
    """How much of what the lexical reader saw the model saw too, from -1 to 1; near 0 where little tells."""
    by_lexicon = [fact for fact in facts if LEXICON in fact.readers]
    both = sum(MODEL in fact.readers for fact in by_lexicon)
    return 2 * (both + 1) / (len(by_lexicon) + 2) - 1


def _features(fact: Fact, surely: Mapping[tuple[str, str], float], agreement: float) -> list[tuple[str, float]]:
    by_model, by_lexicon = MODEL in fact.readers, LEXICON in fact.readers
    by_model_alone, by_lexicon_alone = by_model and not by_lexicon, by_lexicon and not by_model
    return [
        ("constant", 1.0),
        ("model_logit", _logit(fact, MODEL) if by_model else 0.0),
        ("lexicon_logit", _logit(fact, LEXICON) if by_lexicon else 0.0),
        ("model_alone", float(by_model_alone)),
        ("lexicon_alone", float(by_lexicon_alone)),
        ("model_against", surely.get((fact.field, LEXICON), 0.0) if by_model_alone else 0.0),
        ("lexicon_against", surely.get((fact.field, MODEL), 0.0) if by_lexicon_alone else 0.0),
        ("model_agreeing", agreement if by_model_alone else 0.0),
        ("lexicon_agreeing", agreement if by_lexicon_alone else 0.0),
        ("ungrounded", float(fact.alignment is Alignment.NONE)),
        ("fuzzy", float(fact.alignment in (Alignment.FUZZY, Alignment.CONCEPT))),
        *((said.value, float(fact.assertion is said)) for said in Assertion if said is not Assertion.PRESENT),
        ("another", float(fact.experiencer is not Experiencer.PATIENT)),
    ]


def _logit(fact: Fact, reader: str) -> float:
    own = fact.own_confidence(reader)
    sure = min(max(_UNTOLD if own is None else own, _LEAST), 1 - _LEAST)
    return math.log(sure / (1 - sure))


def _probability(weights: Weights, seen: Mapping[str, float]) -> float:
    total = math.fsum(getattr(weights, name) * value for name, value in seen.items())
    return 1 / (1 + math.exp(-min(max(total, -_MOST_SUM), _MOST_SUM)))


def load_calibration(text: str, name: str, fields: Container[str]) -> Calibration:
    """A calibration from its file's text; ``name`` is the file's, for the message, ``fields`` the task's.

    Raises InvalidTask, with every fault on a line of its own, with its file and line.
    """
    try:
        content = yaml.load(text, Loader=UniqueKeys)  # noqa: S506 - a SafeLoader, that refuses repeated keys besides
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidTask(f"{name}: {f'line {mark.line + 1}: ' if mark else ''}not YAML, or a key twice") from None
    faults: list[tuple[tuple[Any, ...], str]] = []
    try:
        read = Calibration.model_validate(content)
    except ValidationError as error:
        faults = [(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False)]
    else:
        unknown = [field for field in read.fields if field not in fields]
        if not unknown:
            return read
        faults = [(("fields", field), "the task has no field of this name") for field in unknown]
    told = (f"{name}: line {_line(node, place)}: {'.'.join(map(str, place))}: {what}" for place, what in faults)
    raise InvalidTask("\n".join(told))


def _line(node: yaml.Node | None, place: Sequence[object]) -> int:
    """The line of a place in a YAML text, counted from one; of what is missing, its surroundings'."""
    line = 1
    for part in place:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        key, node = next(((key, value) for key, value in pairs if key.value == part), (None, None))
        if key is None:
            break
        line = key.start_mark.line + 1
    return line
