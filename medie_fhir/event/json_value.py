"""Bytes → one JSON object or array (RFC 8259), strict: what two parsers could take differently is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from medie_fhir.errors import NotJson
from medie_fhir.model import Json

__all__ = ["load", "load_array"]

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def load(value: bytes) -> Json:
    """The JSON object that ``value`` is, as UTF-8 with or without a byte order mark. Raises NotJson for all else.

    Refused are repeated keys, NaN and infinities, numbers beyond the range of a double, half surrogate pairs, and
    nesting deeper than the interpreter's stack.
    """
    parsed = _parsed(value)
    if not isinstance(parsed, dict):
        raise NotJson("the value is JSON, but not an object")
    return parsed


def load_array(value: bytes) -> list[Any]:
    """The JSON array that ``value`` is, as strict as :func:`load`. Raises NotJson for all else."""
    parsed = _parsed(value)
    if not isinstance(parsed, list):
        raise NotJson("the value is JSON, but not an array")
    return parsed


def _parsed(value: bytes) -> Any:
    try:
        parsed = json.loads(
            value.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite
        )
        if _SURROGATE.search(value):
            json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise NotJson("the value is not UTF-8; send FHIR JSON as UTF-8") from None
    except UnicodeEncodeError:
        raise NotJson("a string of the value holds half of a surrogate pair") from None
    except RecursionError:
        raise NotJson("the value is nested too deeply to be a FHIR resource") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"the value is not JSON (at character {error.pos})") from None
    except ValueError:  # a whole number of thousands of digits: the interpreter's own guard
        raise NotJson("a number of the value is too long") from None
    return parsed


def _unique(pairs: Sequence[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("an object of the value has the same key twice")
    return members


def _not_finite(_: str) -> float:
    raise NotJson("the value holds NaN or an infinity, which JSON has not")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotJson("a number of the value is out of range")
    return number
