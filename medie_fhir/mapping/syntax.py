"""Is this FHIRPath? (FHIRPath R2 §12, the grammar.) fhirpathpy mends broken expressions silently; we refuse them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NoReturn

from antlr4 import CommonTokenStream, InputStream, Token
from antlr4.error.ErrorListener import ErrorListener
from fhirpathpy.engine.invocations import invocation_registry
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

__all__ = ["FUNCTIONS", "functions_of", "is_fhirpath", "variables_of"]

_OPERATORS = frozenset({"and", "or", "xor", "implies", "div", "mod", "in"})
FUNCTIONS = frozenset(n for n in invocation_registry if n.isalpha() and not n.endswith("Op")) - _OPERATORS
"""What fhirpathpy can do, by the names of FHIRPath R2."""


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
    tokens = [token.text for token in FHIRPathLexer(InputStream(expression)).getAllTokens()]
    return frozenset(name.strip("`'") for sign, name in pairwise(tokens) if sign == "%")


def functions_of(expression: str) -> frozenset[str]:
    """The names of the functions that an expression calls."""
    tokens = [
        t.text for t in FHIRPathLexer(InputStream(expression)).getAllTokens() if t.channel == Token.DEFAULT_CHANNEL
    ]
    called = (name.strip("`") for name, sign in pairwise(tokens) if sign == "(")
    return frozenset(name for name in called if name.isidentifier()) - _OPERATORS
