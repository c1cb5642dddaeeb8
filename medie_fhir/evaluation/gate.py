"""Thresholds that an evaluation must meet: a small YAML file of figures with ``min`` and ``max``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ConfigDict, RootModel, ValidationError, model_validator

from medie_fhir.errors import SettingsError
from medie_fhir.model import Frozen

__all__ = ["Bound", "Gate", "Shortfall", "load_gate"]


class Bound(Frozen):
    """What a figure must lie between, the ends included."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        return self


class Shortfall(Frozen):
    """A figure that is out of its bound; ``value`` is None where there is no such figure."""

    figure: str
    value: float | None
    bound: Bound

    def __str__(self) -> str:
        asked = [
            f"{word} {end:g}" for word, end in (("min", self.bound.min), ("max", self.bound.max)) if end is not None
        ]
        said = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.figure}: {said} ({', '.join(asked)})"


class Gate(RootModel[Mapping[str, Bound]]):
    """The bounds by the figure's path in the JSON of an evaluation, such as ``fields.stage.f1``."""

    model_config = ConfigDict(frozen=True)

    def shortfalls(self, figures: Mapping[str, Any]) -> tuple[Shortfall, ...]:
        """What fails. A figure that isn't there fails: a gate must not open because a name was misspelt."""
        found = [(figure, _at(figures, figure), bound) for figure, bound in self.root.items()]
        return tuple(Shortfall(figure=f, value=v, bound=b) for f, v, b in found if not _holds(v, b))


def load_gate(text: str, name: str) -> Gate:
    """The gate in a YAML text. Raises SettingsError with all its faults."""
    try:
        gate = Gate.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise SettingsError(f"{name}: is not YAML") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError(f"{name}: " + "; ".join(faults)) from None
    if not gate.root:
        raise SettingsError(f"{name}: no figure is named; a gate that asks nothing guards nothing")
    return gate


def _at(figures: Mapping[str, Any], path: str) -> float | None:
    value: Any = figures
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _holds(value: float | None, bound: Bound) -> bool:
    if value is None:
        return False
    return (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)
