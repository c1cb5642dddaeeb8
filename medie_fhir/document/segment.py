"""Plain text → sentences and sections.

Clinical notes are typed, dictated, scanned or glued into one line, so both are told by local signs only: what stands
at a place depends on its line and its neighbours, never on the rest of the note. Both run in linear time.

Laws: sections cover the text without gap or overlap; every non-blank character is in exactly one sentence; a sentence
lies within one section; what is written after a blank line changes no sentence before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from medie_fhir.document.headings import Heading, headings
from medie_fhir.model import Section, Span

__all__ = ["Segmentation", "segment"]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Where the sentences and sections of a text stand, in its order."""

    sentences: tuple[Span, ...]
    sections: tuple[Section, ...]


def segment(text: str) -> Segmentation:
    """The sentences and sections of a plain text. An empty text has neither."""
    found = tuple(headings(text))
    return Segmentation(tuple(_sentences(text, found)), tuple(_sections(text, found)))


def _sections(text: str, found: tuple[Heading, ...]) -> Iterator[Section]:
    """Each heading rules up to the next; one amid a line rules its paragraph only, and the former then goes on."""
    cuts: list[tuple[int, str]] = [(0, "other")]
    ruling = "other"
    for here, following in zip(found, [h.start for h in found[1:]] + [len(text)], strict=False):
        cuts.append((here.start, here.kind))
        if not here.inline:
            ruling = here.kind
        elif end := _BLANK_LINE.search(text, here.start, following):
            cuts.append((end.end(), ruling))
    for (start, kind), (end_at, _) in zip(cuts, (*cuts[1:], (len(text), "")), strict=True):
        if start < end_at:
            yield Section(Span(start, end_at), kind)


_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


# --- sentences ------------------------------------------------------------------------------------------------------

_LINE = re.compile(r"[^\n]+")
_BULLET = re.compile(r"(?:[-–—*•·▪◦o>+]|#\d{0,2}|\(?(?:\d{1,2}|[a-z])[.)]|[A-H][.:)])(?=\s)")
_LABEL = re.compile(r"(?=[^\W_])[\w /&().,#'-]{1,44}:(?=\s|$)")
_CONTINUES = re.compile(
    r"(?:[,(/&+-]|\s(?:and|or|of|the|a|an|with|in|for|to|at|by|from|on|no|was|were|is|are))$", re.IGNORECASE
)
_SMALL_WORD = re.compile(r"[a-z]+(?![^\W_])")  # and not "pT3c"
_FULL_LINE = 40  # characters; a shorter line was broken by its writer, not by the margin

_STOP = re.compile(
    r"""[.!?]+["'”’)\]]*(?=\s+\S)      # ends a sentence, or an abbreviation
      | (?<=[a-z]{3})[.!?](?=[A-Z][a-z])  # no blank after the full stop
      | :(?=\s+1[.)]\s)                   # a numbered list begins amid the line
    """,
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘]*$")
_OPENING = re.compile(r"\s*[\"'“‘(\[]*")
_STARTER = re.compile(
    r"(?:he|she|the|there|they|it|this|these|that|patient|pt|no|we|i|on|in|at|her|his|after|a|an|she's|he's|"
    r"currently|however|since|per|will|has|had|mother|father|family)\b",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    "al|approx|assoc|ca|cf|co|dept|diff|drs?|e.?g|ed|eq|est|et|etc|figs?|gen|gm|i.?e|incl?|intl|jr|lt|max|med|min|misc|"
    "mrs?|ms|mt|neg|nos?|nr|op|pos|prof|pts?|refs?|resp|sgt|sr|st|tab|temp|univ|viz|vol|vs|wk|wt|yr"
)
_TITLE = re.compile("drs?|mrs?|ms|st|prof")
_BEFORE_A_NUMBER = re.compile("nos?|figs?|vol|nr|eq")
_ITEM_DIGITS = 2  # a list has fewer than a hundred items
_SHORT_WORD = 2  # a full stop after one of this length, and a small letter next: an abbreviation that we don't know


def _sentences(text: str, found: tuple[Heading, ...]) -> Iterator[Span]:
    own_line = {h.start for h in found if h.alone}
    starts = sorted({h.start for h in found})
    place = 0
    for block in _blocks(text, own_line, set(starts)):
        start = block.start
        while place < len(starts) and starts[place] < block.end:
            if starts[place] > start:
                yield from _split(text, Span(start, starts[place]))
                start = starts[place]
            place += 1
        yield from _split(text, Span(start, block.end))


def _blocks(text: str, own_line: set[int], starts: set[int]) -> Iterator[Span]:
    """Runs of lines that a sentence may cross."""
    begin, end, last = None, 0, ""
    for match in _LINE.finditer(text):
        line = match[0].strip()
        here = match.start() + len(match[0]) - len(match[0].lstrip())
        if not line:
            last = ""
        elif begin is not None and last and here not in starts and _wraps(last, line, gap=text[end:here]):
            end, last = match.end(), line
        else:
            if begin is not None:
                yield Span(begin, end)
            begin, end, last = here, match.end(), "" if here in own_line else line
    if begin is not None:
        yield Span(begin, end)


def _wraps(line: str, following: str, gap: str) -> bool:
    """Whether the break between two lines was made by the margin."""
    if gap.count("\n") > 1 or _BULLET.match(following) or _LABEL.match(following) or line.endswith(":"):
        return False
    return bool(_SMALL_WORD.match(following)) or len(line) >= _FULL_LINE or bool(_CONTINUES.search(line))


def _split(text: str, block: Span) -> Iterator[Span]:
    """The sentences of a block, without the blanks around them."""
    start = block.start
    for stop in _STOP.finditer(text, block.start, block.end):
        if stop.start() > start and _ends_sentence(text, start, stop, block.end):
            yield from _trimmed(text, start, stop.end())
            start = stop.end()
    yield from _trimmed(text, start, block.end)


def _ends_sentence(text: str, start: int, stop: re.Match[str], end: int) -> bool:
    if stop[0] == ":":
        return True
    if not stop[0].startswith("."):
        return not text[stop.start() - 1].isspace()  # " ?mets" asks, and ends nothing
    before = _WORD_BEFORE.search(text, max(start, stop.start() - 24), stop.start())
    word = before[0] if before else ""
    opening = _OPENING.match(text, stop.end(), end)
    following = opening.end() if opening else stop.end()
    if before and word.isdigit() and len(word) <= _ITEM_DIGITS and not text[start : before.start()].strip():
        return False  # "2. Left hilar …": the number of a list item
    return _ends_word(word, text[following : following + 1], starter=bool(_STARTER.match(text, following, end)))


def _ends_word(word: str, first: str, *, starter: bool) -> bool:
    """Whether a full stop after ``word`` ends a sentence, where ``first`` is the next character."""
    lower = word.lower()
    if _TITLE.fullmatch(lower) or (_BEFORE_A_NUMBER.fullmatch(lower) and first.isdigit()):
        return False
    if _ABBREVIATION.fullmatch(lower) or len(word) == 1:
        return starter and first.isupper()
    return not first.islower() or (len(word) > _SHORT_WORD and (word.isalpha() or word[-1] in "%)]"))


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    left, right = len(piece) - len(piece.lstrip()), len(piece.rstrip())
    if left < right:
        yield Span(start + left, start + right)
