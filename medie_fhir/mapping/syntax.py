"""Is this FHIRPath? (FHIRPath R2 §12, the grammar.) fhirpathpy mends broken expressions silently; we refuse them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NoReturn

from antlr4 import CommonTokenStream, InputStream, Token
from antlr4.error.ErrorListener import ErrorListener
from fhirpathpy.engine.invocations import invocation_registry
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

__all__ = ["FUNCTIONS", "WITHHELD", "functions_of", "is_fhirpath", "patterns_of", "variables_of"]

_OPERATORS = frozenset({"and", "or", "xor", "implies", "div", "mod", "in"})
_CLOCK = "tells the time of the writing, and the same note would be written anew each time: use %recorded or %effective"
WITHHELD = {
    "now": _CLOCK,
    "today": _CLOCK,
    "timeOfDay": _CLOCK,
    "trace": "would print what the note says; see mapping render --explain",
}
"""Functions of FHIRPath R2 that a mapping may not call, and why."""

FUNCTIONS = (
    frozenset(n for n in invocation_registry if n.isalpha() and not n.endswith("Op")) - _OPERATORS - WITHHELD.keys()
)
"""What fhirpathpy can do and a mapping may, by the names of FHIRPath R2."""

_OF_PATTERNS = frozenset({"matches", "replaceMatches"})


class _Broken(Exception):
    """The first thing that the grammar can't read."""


class _Strict(ErrorListener):  # type: ignore[misc]  # antlr4 has no types
    def syntaxError(self, *_: Any) -> NoReturn:  # noqa: N802 - antlr4's name
        raise _Broken


def is_fhirpath(expression: str) -> bool:
    """Whether the whole of ``expression`` is one FHIRPath expression."""
    lexer = FHIRPathLexer(InputStream(expression))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Strict())
    try:
        parser.expression()
    except _Broken:
        return False
    return bool(parser.getCurrentToken().type == Token.EOF)


def variables_of(expression: str) -> frozenset[str]:
    """The names of the environment variables (``%name``) in an expression."""
    return frozenset(name.strip("`'") for sign, name in pairwise(_tokens(expression)) if sign == "%")


def functions_of(expression: str) -> frozenset[str]:
    """The names of the functions that an expression calls."""
    called = (name.strip("`") for name, sign in pairwise(_tokens(expression)) if sign == "(")
    return frozenset(name for name in called if name.isidentifier()) - _OPERATORS


def patterns_of(expression: str) -> Iterator[str | None]:
    """The regular expressions that an expression asks for, as literals of FHIRPath; None for one not written out."""
    tokens = _tokens(expression)
    for name, sign, first, end in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if name.strip("`") in _OF_PATTERNS and sign == "(":
            yield first if first.startswith("'") and end in {",", ")"} else None


def _tokens(expression: str) -> list[str]:
    """What an expression is written with, without spaces and comments."""
    tokens = FHIRPathLexer(InputStream(expression)).getAllTokens()
    return [token.text for token in tokens if token.channel == Token.DEFAULT_CHANNEL]
