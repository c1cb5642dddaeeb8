"""In which language a note is written, and what becomes of one that nobody here can read.

Tables, grammars, cues and adapters are of one language. In another one they still find a disease and not what denies
it: of "kein Hinweis auf Metastasen" a metastasis would be written. The votes are those of words (a data file): a list
of drugs or of results has none, and is left to whoever reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import yaml

from medie_fhir.errors import InvalidTerminology, NoteSkipped, OtherLanguage, SettingsError

__all__ = ["Languages", "load_languages"]

_WORD = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile(r"[^\W\d_]*[ß-öø-ɏḀ-ỿ][^\W\d_]*")
# letters of no Latin alphabet: neither those, nor combining, letter-like, ligatured, wide ones
_OTHER_SCRIPT = re.compile(r"[^\W\d_\u0000-\u036f\u1e00-\u1eff\u2000-\u2bff\ufb00-\ufb06\uff00-\uff60]")
_FEWEST = 2  # different words: one alone may be a name, repeated through all of a note
_FEWEST_ACCENTED = 3
_FEWEST_LETTERS = 6
_MINOR = 2  # a note is of another language where it has half as many of its words as of ours: a third is enough
_LETTERS = 5  # a fifth of the letters, for a script that writes a word in one or two


@dataclass(frozen=True, slots=True)
class Languages:
    """What is done with a note by its language. ``read``: the languages that the readers know; ``words``: of each.

    ``other``: what to do with a note of another one. Raises SettingsError for a language that ``words`` doesn't have.
    """

    words: Mapping[str, frozenset[str]]
    read: tuple[str, ...] = ("en",)
    other: Literal["process", "skip", "refuse"] = "skip"

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.read) - self.words.keys()):
            told = f"{', '.join(unknown)}: can't be told from others; those that can: {', '.join(sorted(self.words))}"
            raise SettingsError(f"notes.languages: {told}")

    def check(self, text: str, declared: str | None = None) -> None:
        """Pass a text on, or raise NoteSkipped or OtherLanguage. ``declared``: the sender's BCP 47 tag, if any."""
        if self.other == "process" or not self.is_other(text, declared):
            return
        if self.other == "skip":
            raise NoteSkipped(OtherLanguage.__name__)
        raise OtherLanguage("the note is not in a language of notes.languages, in which alone it would be understood")

    def is_other(self, text: str, declared: str | None = None) -> bool:
        """Whether a text is, by a third at least, in a language that isn't read.

        Its words tell; where they don't, its sender's tag does, and where there is none, it is taken for one of ours.
        """
        folded = _folded(text)
        found = Counter(_WORD.findall(folded))
        ours = frozenset[str]().union(*(self.words[language] for language in self.read))
        votes = _votes(found, ours)
        foreign = max(
            (_votes(found, self.words[code] - ours) for code in self.words.keys() - set(self.read)), default=0
        )
        if foreign and foreign * _MINOR >= votes:
            return True
        if self._is_of_other_letters(folded, found, votes):
            return True
        return not votes and declared is not None and declared.partition("-")[0].lower() not in self.read

    @staticmethod
    def _is_of_other_letters(text: str, found: Mapping[str, int], votes: int) -> bool:
        """Whether a text is written in letters that the words of no language here tell: Cyrillic, Czech, Chinese."""
        strange = len(_OTHER_SCRIPT.findall(text))
        if strange >= _FEWEST_LETTERS and strange * _LETTERS >= sum(len(word) * n for word, n in found.items()):
            return True
        accented = {word: n for word, n in found.items() if _ACCENTED.fullmatch(word)}
        return len(accented) >= _FEWEST_ACCENTED and sum(accented.values()) > votes


def load_languages(text: str) -> Mapping[str, frozenset[str]]:
    """The words of each language, from the text of their file. Raises InvalidTerminology."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidTerminology(f"languages.yaml: {f'line {mark.line + 1}: ' if mark else ''}not YAML") from None
    if not isinstance(content, dict) or not all(isinstance(v, str) and isinstance(k, str) for k, v in content.items()):
        raise InvalidTerminology("languages.yaml: is not a mapping of languages to their words")
    return {code: frozenset(_folded(words).split()) for code, words in content.items()}


def _folded(text: str) -> str:
    """In one case, each letter with its accent in one character."""
    return unicodedata.normalize("NFC", text.casefold())


def _votes(found: Mapping[str, int], words: Iterable[str]) -> int:
    """How often a text has words of a language; one word alone is no vote."""
    counts = [found[word] for word in words if word in found]
    return sum(counts) if len(counts) >= _FEWEST else 0
