"""One value of an answer → its items: "EGFR L858R; T790M" is two."""

from __future__ import annotations

from collections.abc import Iterator

from medie_fhir.errors import ModelOutputError
from medie_fhir.extraction.parse import ParsedValue
from medie_fhir.extraction.task import FieldRule, Task
from medie_fhir.model import Span

__all__ = ["items"]

_AROUND = " \t\n\r.,;:"


def items(value: ParsedValue, rule: FieldRule, task: Task) -> tuple[Span, ...]:
    """The stretches of a value's text that are items of their own, in order, each wording once.

    Words like "none" are no items. Of a value that was cut off, the last item is left out, for nobody knows how it
    goes on. Raises ModelOutputError where that item is all there is.
    """
    stretches = list(_stretches(value.text, rule))
    if value.cut:
        stretches.pop()
        if not stretches:
            raise ModelOutputError("the model's answer has a value that fills all its length, without an end in sight")
    seen: set[str] = set(task.no_values)
    out = []
    for stretch in stretches:
        item = _trimmed(value.text, stretch, task)
        wording = " ".join(value.text[item.start : item.end].split()).casefold()
        if any(c.isalnum() for c in wording) and wording not in seen:
            seen.add(wording)
            out.append(item)
    return tuple(out)


def _stretches(text: str, rule: FieldRule) -> Iterator[Span]:
    """What stands between the separators that are not inside brackets."""
    depth = _depths(text)
    start = 0
    for found in rule.separator.finditer(text):
        if found[0] and not depth[found.start()] and not depth[found.end() - 1]:
            yield Span(start, found.start())
            start = found.end()
    yield Span(start, len(text))


def _depths(text: str) -> list[int]:
    """For each character, how many brackets are open around it. One that is never closed opens nothing."""
    depths = [0] * len(text)
    opened: list[int] = []
    for place, character in enumerate(text):
        if character in "([":
            opened.append(place)
        elif character in ")]" and opened:
            start = opened.pop()
            for inside in range(start, place + 1):
                depths[inside] += 1
    return depths


def _trimmed(text: str, stretch: Span, task: Task) -> Span:
    """The stretch without the blanks, punctuation and leading words that are no part of the item."""
    start, end = stretch
    while end > start and text[end - 1] in _AROUND:
        end -= 1
    while start < end:
        lead = task.leading.match(text, start, end)
        step = lead.end() - start if lead else int(text[start] in _AROUND)
        if not step:
            break
        start += step
    return Span(start, end)
