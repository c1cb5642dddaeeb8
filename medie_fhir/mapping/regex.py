"""Which regular expressions come to an end soon on every text; the others are refused before a note meets one.

Python's engine tries one way after the other and can't be broken off, so that ``(a+)+$`` would stand a consumer still.
A repetition is one way where what it repeats and what may follow it have no character in common (Brüggemann-Klein
1993: one-unambiguous expressions); where they have, it is one for each character. At most one such is allowed, and none
within a repetition: a text of *n* characters then takes n³ steps at the most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from re import _constants as op  # type: ignore[attr-defined]  # Python's own parser of them; typeshed leaves it out
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

__all__ = ["fault_of"]

_Items = Sequence[tuple[Any, Any]]
_Chars = frozenset[str]

_MOST_WAYS = 256  # of what is optional or alternative, all taken together
_FEW = 20  # repetitions that count as that many optional things
_NONE: _Chars = frozenset()
_SAMPLE: _Chars = frozenset(map(chr, range(0x180))) | frozenset("αΩж中٣\u2028\u3000")
_CATEGORIES: dict[Any, Callable[[str], object]] = {
    getattr(op, f"CATEGORY_{name}"): re.compile(f"\\{sign}").match
    for name, sign in {
        "DIGIT": "d",
        "NOT_DIGIT": "D",
        "SPACE": "s",
        "NOT_SPACE": "S",
        "WORD": "w",
        "NOT_WORD": "W",
    }.items()
}


class _Ways(NamedTuple):
    """In how many ways a part can be read: ``loops`` repetitions of open length, ``choices`` of all else."""

    loops: int = 0
    choices: int = 1


class _Endless(Exception):
    """Says what there is that may have no end."""


def fault_of(pattern: str) -> str | None:
    """What is wrong with a regular expression; None where it is one, and comes to an end soon on every text."""
    try:
        re.compile(pattern)
        ways = _ways(_parser.parse(pattern), _NONE)
    except _Endless as endless:
        return str(endless)
    except (re.error, OverflowError, RecursionError):
        return "is no regular expression"
    if ways.loops > 1:
        return (
            "has several repetitions that may take the same characters: part it, or name what each may not hold, [^…]*"
        )
    return "leaves too many choices open: part it" if ways.choices > _MOST_WAYS else None


def _ways(items: _Items, after: _Chars) -> _Ways:
    """Of items one after another, with ``after`` what may follow them."""
    loops, choices = 0, 1
    for kind, value in reversed(list(items)):
        its = _ways_of(kind, value, after)
        loops, choices = loops + its.loops, choices * its.choices
        after = _first([(kind, value)], after)
    return _Ways(loops, choices)


def _ways_of(kind: Any, value: Any, after: _Chars) -> _Ways:
    if kind is op.BRANCH:
        each = [_ways(items, after) for items in value[1]]
        begins = [_first(items, after) for items in value[1]]
        apart = sum(map(len, begins)) == len(_NONE.union(*begins))
        choices = max if apart else sum
        return _Ways(max(w.loops for w in each), choices(w.choices for w in each))
    if kind in _REPEATS:
        least, most, items = value
        return _repeated(least, most, items, after)
    if kind in {op.GROUPREF, op.GROUPREF_EXISTS}:
        raise _Endless("refers back to a group of its own: write out what is meant")
    inner = _within(kind, value)
    return _Ways() if inner is None else _ways(inner, after)


def _repeated(least: int, most: int, items: _Items, after: _Chars) -> _Ways:
    begins = _first(items, _NONE)
    inner = _ways(items, after | begins if most > 1 else after)
    open_end = least != most and bool(begins & after)
    if most <= _FEW:
        return _Ways(inner.loops * most, inner.choices**most * (most - least + 1 if open_end else 1))
    if inner != _Ways() or _may_be_empty(items):
        raise _Endless("repeats what repeats or varies itself, and may have no end: write it without the one")
    return _Ways(int(open_end))


def _first(items: _Items, after: _Chars) -> _Chars:
    """The characters that what is read may begin with."""
    begin = _NONE
    for kind, value in items:
        begin |= _begin(kind, value)
        if not _may_be_empty([(kind, value)]):
            return begin
    return begin | after


def _begin(kind: Any, value: Any) -> _Chars:
    if kind is op.BRANCH:
        return _NONE.union(*(_first(items, _NONE) for items in value[1]))
    if kind in _REPEATS:
        return _first(value[2], _NONE)
    if kind in {op.AT, op.ASSERT, op.ASSERT_NOT}:
        return _NONE
    inner = _within(kind, value)
    return _chars(kind, value) if inner is None else _first(inner, _NONE)


def _may_be_empty(items: _Items) -> bool:
    return all(_is_empty(kind, value) for kind, value in items)


def _is_empty(kind: Any, value: Any) -> bool:
    if kind is op.BRANCH:
        return any(_may_be_empty(items) for items in value[1])
    if kind in _REPEATS:
        return value[0] == 0 or _may_be_empty(value[2])
    if kind in {op.AT, op.ASSERT, op.ASSERT_NOT}:
        return True
    inner = _within(kind, value)
    return inner is not None and _may_be_empty(inner)


_REPEATS = frozenset({op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT})


def _within(kind: Any, value: Any) -> _Items | None:
    """The items of a group or of a look around; None of a character or a place."""
    if kind is op.SUBPATTERN:
        return list(value[3])
    if kind in {op.ASSERT, op.ASSERT_NOT}:
        return list(value[1])
    return list(value) if kind is op.ATOMIC_GROUP else None


def _chars(kind: Any, value: Any) -> _Chars:
    """Those of the sample that one character of the expression stands for, in either case."""
    if kind is op.ANY:
        return _SAMPLE
    if kind is op.NOT_LITERAL:
        return _SAMPLE - {chr(value)}
    found = _of_set([(kind, value)] if kind is op.LITERAL else value)
    return found | {c.swapcase() for c in found}


def _of_set(members: Iterable[tuple[Any, Any]]) -> _Chars:
    found: set[str] = set()
    negated = False
    for kind, value in members:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            found.add(chr(value))
        elif kind is op.RANGE:
            found.update({chr(value[0]), chr(value[1])}, (c for c in _SAMPLE if value[0] <= ord(c) <= value[1]))
        else:
            found.update(c for c in _SAMPLE if _CATEGORIES[value](c))
    return _SAMPLE - found if negated else frozenset(found)
