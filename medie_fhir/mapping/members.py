"""Whether the members that an expression asks for are there at all (FHIRPath R2 §5, §6), as far as that can be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medie_fhir.mapping.fhirpath import parsed
from medie_fhir.mapping.suggest import meant
from medie_fhir.mapping.vocabulary import ANY, Members

__all__ = ["members_of", "unknown_members"]

_SAME = frozenset("where first last tail skip take single distinct trace intersect exclude".split())  # noqa: SIM905 - reads best as words
_FIRST = frozenset({"TermExpression", "ParenthesizedTerm", "InvocationTerm", "IndexerExpression"})
_OF_EACH = frozenset({"where", "exists", "all", "select", "repeat"})
_OF_ANY_VALUE = frozenset({"extension", "id"})


def unknown_members(expression: str, known: Members) -> Iterator[str]:
    """What an expression asks for and nothing has, each told with what it may have been meant to be."""
    walk = _Walk(known)
    walk.members(parsed(expression), ANY)
    return iter(dict.fromkeys(walk.faults))


def members_of(expression: str, known: Members) -> Members | None:
    """The members of what an expression gives; ANY where that can't be told."""
    return _Walk(known).members(parsed(expression), ANY)


class _Walk:
    """One expression's parts, from left to right; ``known`` are the variables."""

    def __init__(self, known: Members) -> None:
        self._known = known
        self.faults: list[str] = []

    def members(self, node: Any, this: Members | None) -> Members | None:
        """The members of what a part gives; ``this`` are those of the item that it looks at."""
        kind, below = node["type"], node.get("children", [])
        match kind:
            case "ExternalConstantTerm":
                return self._known.get(_name(below[0]), ANY)
            case "ThisInvocation":
                return this
            case "MemberInvocation":
                return self._member(this, _name(node), "")
            case "InvocationExpression":
                return self._invoked(below[0], below[1], this)
            case "FunctionInvocation":
                return self._called(node, this, this)
        given = [self.members(child, this) for child in below]
        alike = kind in _FIRST or (kind == "UnionExpression" and given[0] == given[1])
        return given[0] if alike else ANY

    def _invoked(self, left: Any, right: Any, this: Members | None) -> Members | None:
        before = self.members(left, this)
        if right["type"] == "MemberInvocation":
            return self._member(before, _name(right), left.get("text", ""))
        return self._called(right, before, this) if right["type"] == "FunctionInvocation" else ANY

    def _called(self, node: Any, before: Members | None, this: Members | None) -> Members | None:
        name, *parameters = node["children"][0]["children"]
        called = name["text"].strip("`")
        for parameter in parameters[0]["children"] if parameters else ():
            given = self.members(parameter, before if called in _OF_EACH else this)
            if called == "select":
                return given
        return before if called in _SAME else ANY

    def _member(self, of: Members | None, name: str, around: str) -> Members | None:
        if of is ANY or not name[:1].islower() or name in _OF_ANY_VALUE:  # nothing known of it; or a type's name
            return ANY
        if name not in of:
            allowed = f"{meant(name, of)}; allowed: {', '.join(sorted(of))}" if of else ": it is a plain value"
            self.faults.append(
                f"'{around}.{name}' is not there{allowed}" if around else f"'{name}' is not there{allowed}"
            )
            return ANY
        return of[name]


def _name(node: Any) -> str:
    """The name that a member or a variable is asked for by."""
    return str(node["children"][0]["text"]).strip("`")
