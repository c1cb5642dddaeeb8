"""What crosses a border: JSON as it comes, and the base of the types that are made of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen", "Json"]

Json = dict[str, Any]
"""A JSON object, as ``json.loads`` gives it."""


class Frozen(BaseModel):
    """Base of the types that cross a border: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
