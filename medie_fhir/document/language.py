"""In which language a note is written, and what becomes of one that nobody here can read.

Tables, grammars, cues and adapters are of one language. In another one they still find a disease and not what denies
it: of "kein Hinweis auf Metastasen" a metastasis would be written. The votes are those of words (a data file): a list
of drugs or of results has none, and is left to whoever reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import yaml

from medie_fhir.errors import InvalidTerminology, NoteSkipped, OtherLanguage, SettingsError

__all__ = ["Languages", "load_languages"]

_WORD = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile(r"[^\W\d_]*[ß-öø-ɏḀ-ỿ][^\W\d_]*")
# Letters of no Latin alphabet (nor combining, letter-like, ligatured or wide ones). One alone (κ) is a symbol.
_OTHER_SCRIPT = re.compile(r"[^\W\d_\u0000-\u036f\u1e00-\u1eff\u2000-\u2bff\ufb00-\ufb06\uff00-\uff60]{2,}")
_ABBREVIATION = 4  # letters at most, all of them capitals: DNI, ALLO, AUS are no words of Polish, Italian or German
_LONG = 5  # letters of a word that is no abbreviation, in whatever case it was typed
_TELLING = 8  # letters of a word that tells alone, where nothing speaks for ours: "métastase"
_MANY = 4  # different words that tell without a long one
_FEWEST_ACCENTED = 3
_ACCENTED_SHARE = 4  # a quarter of the words at least: three accented names are no language
_FEWEST_LETTERS = 6
_MINOR = 2  # a note is of another language where it has half as many of its words as of ours: a third is enough
_LETTERS = 5  # a fifth of the letters, for a script that writes a word in one or two
# ISO 639-2, which some senders write; and what says that it tells nothing
_CODES = {
    "eng": "en",
    "deu": "de",
    "ger": "de",
    "fra": "fr",
    "fre": "fr",
    "spa": "es",
    "ita": "it",
    "por": "pt",
    "nld": "nl",
    "dut": "nl",
    "swe": "sv",
    "dan": "da",
    "nob": "nb",
    "nor": "nb",
    "no": "nb",
    "pol": "pl",
    **dict.fromkeys(("und", "mul", "zxx", "mis", ""), None),
}


@dataclass(frozen=True, slots=True)
class Languages:
    """What is done with a note by its language. ``read``: the languages that the readers know; ``words``: of each.

    ``other``: what to do with a note of another one; where all are processed, any language may be named. Raises
    SettingsError for a language that ``words`` doesn't have.
    """

    words: Mapping[str, frozenset[str]]
    read: tuple[str, ...] = ("en",)
    other: Literal["process", "skip", "refuse"] = "skip"

    def __post_init__(self) -> None:
        unknown = sorted(set(self.read) - self.words.keys())
        if unknown and self.other != "process":
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
        composed = unicodedata.normalize("NFC", text)
        found = Counter(map(str.casefold, _WORD.findall(composed)))
        ours = frozenset[str]().union(*(self.words.get(language, frozenset()) for language in self.read))
        votes = _votes(found, ours)
        if self._has_words_of_others(Counter(_spelt_out(composed)), ours, votes):
            return True
        if _is_of_other_letters(composed, found, votes):
            return True
        return not votes and declared is not None and _code(declared) not in (None, *self.read)

    def _has_words_of_others(self, found: Mapping[str, int], ours: frozenset[str], votes: int) -> bool:
        """Whether another language has its third of the words."""
        for code in self.words.keys() - set(self.read):
            theirs = [word for word in self.words[code] - ours if word in found]
            longest = max(map(len, theirs), default=0)
            tells = len(theirs) > 1 and (longest >= _LONG or len(theirs) >= _MANY)
            if tells and sum(found[word] for word in theirs) * _MINOR >= votes:
                return True
            if longest >= _TELLING and not votes:
                return True
        return False


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


def _spelt_out(text: str) -> Iterator[str]:
    """The words, in one case, without what may be an abbreviation."""
    return (word.casefold() for word in _WORD.findall(text) if len(word) > _ABBREVIATION or not word.isupper())


def _votes(found: Mapping[str, int], words: Iterable[str]) -> int:
    """How often a text has words of our own languages; one word alone is no vote."""
    counts = [found[word] for word in words if word in found]
    return sum(counts) if len(counts) > 1 else 0


def _is_of_other_letters(text: str, found: Mapping[str, int], votes: int) -> bool:
    """Whether a text is written in letters that the words of no language here tell: Cyrillic, Czech, Chinese.

    A capitalised word may be a name or an eponym.
    """
    strange = sum(map(len, _OTHER_SCRIPT.findall(text)))
    if strange >= _FEWEST_LETTERS and strange * _LETTERS >= sum(len(word) * n for word, n in found.items()):
        return True
    accented = Counter(word for word in _WORD.findall(text) if word[0].islower() and _ACCENTED.fullmatch(word))
    many = sum(accented.values())
    return len(accented) >= _FEWEST_ACCENTED and many > votes and many * _ACCENTED_SHARE >= sum(found.values())


def _code(declared: str) -> str | None:
    """The language of a tag (BCP 47), as the settings name it; None where it tells nothing."""
    code = declared.partition("-")[0].strip().lower()
    return _CODES.get(code, code)
