"""Templates in FPML (FHIRPath Mapping Language, Beda Software), compiled once into nodes that make their value.

The language is FPML's, the engine our own (ADR 0012): what an expression gives is data and never read as a template
again, though a note hold ``{{ 1 + 1 }}``; faults are all found before the first note; and a note is rendered several
times as fast. Stricter than FPML in one point: ``{{ … }}`` stands for one value, and several are an error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from medie_fhir.errors import RenderError
from medie_fhir.mapping.fhirpath import Evaluate

__all__ = [
    "NOTHING",
    "All",
    "Array",
    "Choice",
    "Each",
    "Literal",
    "Node",
    "Object",
    "One",
    "Origin",
    "Place",
    "Scope",
    "Text",
    "Unrenderable",
    "Within",
    "to_leaves",
    "untraced",
]

Place = tuple[str | int, ...]
"""Where in the mapping file something stands: keys and indices from its root."""

NOTHING: Final = object()
"""What an expression without a value leaves: its element is left out."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A value with where it came from, while a rendering is traced."""

    value: Any
    place: Place
    expression: str | None


def untraced(value: Any) -> Any:
    """A value without the Origins in it."""
    if isinstance(value, Origin):
        return value.value
    if isinstance(value, dict):
        return {key: untraced(below) for key, below in value.items()}
    return [untraced(below) for below in value] if isinstance(value, list) else value


def to_leaves(value: Any, whence: Origin | None = None) -> Any:
    """A traced value whose Origins stand at its leaves alone: those of objects and lists are handed down."""
    if isinstance(value, Origin):
        return to_leaves(value.value, value)
    if isinstance(value, dict):
        return {key: to_leaves(below, whence) for key, below in value.items()}
    if isinstance(value, list):
        return [to_leaves(below, whence) for below in value]
    return Origin(value, whence.place, whence.expression) if whence else value


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions see. ``resource`` is ``$this``; ``traced``: leaves are made as :class:`Origin`."""

    variables: Mapping[str, Any]
    resource: Any = None
    traced: bool = False

    def bound(self, name: str, value: Any) -> Scope:
        """With one variable more."""
        return Scope({**self.variables, name: value}, self.resource, self.traced)


class Unrenderable(Exception):
    """Why a node makes no value, and where; becomes a RenderError that names the template, too."""

    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.place = place
        self.what = what


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """A part of a template."""

    place: Place

    @abstractmethod
    def make(self, scope: Scope) -> Any:
        """Its value, or NOTHING. Raises Unrenderable."""


@dataclass(frozen=True, slots=True)
class Asking(Node):
    """A node with an expression. ``evaluate`` is the expression, compiled."""

    expression: str
    evaluate: Evaluate

    def values(self, scope: Scope) -> list[Any]:
        """All that the expression gives, as JSON has it; what holds nothing is left out. Raises Unrenderable."""
        try:
            values = self.evaluate(scope.resource, scope.variables)
        except RenderError as error:
            raise Unrenderable(self.place, str(error)) from None
        return [made for made in map(_as_json, values) if made is not NOTHING]


_MOST_DIGITS = 18  # beyond, a whole number stays what it is written as, 1E+9999


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        made = {key: below for key, item in value.items() if (below := _as_json(item)) is not NOTHING}
        return made or NOTHING
    if isinstance(value, list):
        return [below for item in value if (below := _as_json(item)) is not NOTHING] or NOTHING
    if isinstance(value, Decimal):
        whole = value.is_finite() and value.adjusted() < _MOST_DIGITS and value == value.to_integral_value()
        return int(value) if whole else float(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)  # a date or time of FHIRPath


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value that stands in the template."""

    value: Any

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        return Origin(self.value, self.place, None) if scope.traced else self.value


@dataclass(frozen=True, slots=True)
class One(Asking):
    """``{{ … }}``: one value. ``nullable`` (``{{+ … +}}``): null where there is none."""

    nullable: bool = False

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        values = self.values(scope)
        if len(values) > 1:
            raise Unrenderable(
                self.place,
                f"'{self.expression}' gives {len(values)} values where one is due:"
                " write .first(), a where(…), or {[ … ]} for all of them",
            )
        if not values:
            if not self.nullable:
                return NOTHING
            return Origin(None, self.place, self.expression) if scope.traced else None
        return Origin(values[0], self.place, self.expression) if scope.traced else values[0]


@dataclass(frozen=True, slots=True)
class All(Asking):
    """``{[ … ]}``: a list of all values."""

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        values = self.values(scope)
        if scope.traced:
            return [Origin(value, self.place, self.expression) for value in values] or NOTHING
        return values or NOTHING


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text with ``{{ … }}`` in it: nothing where one of them gives nothing."""

    parts: tuple[str | One, ...]

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        plain = Scope(scope.variables, scope.resource)
        made: list[Any] = []
        for part in self.parts:
            value = part if isinstance(part, str) else part.make(plain)
            if value is NOTHING:
                return NOTHING
            made.append(value)
        text = None if None in made else "".join(map(str, made))
        if not scope.traced:
            return text
        return Origin(text, self.place, ", ".join(p.expression for p in self.parts if isinstance(p, One)))


@dataclass(frozen=True, slots=True)
class Array(Node):
    """A list. What its items give is laid side by side, lists too."""

    items: tuple[Node, ...]

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        return list(_flat(item.make(scope) for item in self.items)) or NOTHING


@dataclass(frozen=True, slots=True)
class Object(Node):
    """An object. ``assigned`` are variables for all within; ``merged`` are laid over it, later ones over earlier."""

    members: tuple[tuple[str, Node], ...]
    assigned: tuple[tuple[str, Node], ...] = ()
    merged: tuple[Node, ...] = ()

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        for name, node in self.assigned:
            value = node.make(Scope(scope.variables, scope.resource))
            scope = scope.bound(name, None if value is NOTHING else value)
        made = {key: value for key, node in self.members if (value := node.make(scope)) is not NOTHING}
        for node in self.merged:
            over = node.make(scope)
            if not self.members and len(self.merged) == 1:  # a block alone stands for any value
                return over
            members = over.value if isinstance(over, Origin) else over
            if isinstance(members, dict):
                whence = (lambda v, o=over: Origin(v, o.place, o.expression)) if members is not over else (lambda v: v)
                made.update({key: whence(value) for key, value in members.items()})
            elif members is not NOTHING and members is not None:
                raise Unrenderable(node.place, "what is merged into an object must be an object")
        return made or NOTHING


@dataclass(frozen=True, slots=True)
class Choice(Asking):
    """``{% if … %}``, with its ``{% else %}``."""

    then: Node
    otherwise: Node | None

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        holds = self.values(scope)
        if holds not in ([], [True], [False]) or (holds and not isinstance(holds[0], bool)):
            raise Unrenderable(self.place, f"'{self.expression}' gives neither true nor false")
        if holds == [True]:
            return self.then.make(scope)
        return NOTHING if self.otherwise is None else self.otherwise.make(scope)


@dataclass(frozen=True, slots=True)
class Each(Asking):
    """``{% for item in … %}``: its body once for each value."""

    item: str
    index: str | None
    body: Node

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        made = []
        for number, value in enumerate(self.values(scope)):
            inner = scope.bound(self.item, value)
            made.append(self.body.make(inner.bound(self.index, number) if self.index else inner))
        return list(_flat(made)) or NOTHING


@dataclass(frozen=True, slots=True)
class Within(Asking):
    """``{{ … }}`` as a key: its body once for each value, which is ``$this`` there."""

    body: Node

    def make(self, scope: Scope) -> Any:  # noqa: D102 - see Node
        values = self.values(scope)
        return list(_flat(self.body.make(Scope(scope.variables, v, scope.traced)) for v in values)) or NOTHING


def _flat(values: Sequence[Any] | Iterator[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif value is not NOTHING:
            yield value
