"""What a training needs to go on as if nothing had happened: one file, whole or not there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Checkpoint", "load", "restore", "save", "weights"]


@dataclass
class Checkpoint:
    """The state after ``step``. ``best``: the adapter of the lowest validation loss; ``waited``: judged since."""

    step: int = 0
    best_loss: float = float("inf")
    best_step: int = 0
    waited: int = 0
    seconds: float = 0.0
    adapter: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)


def weights(model: Any) -> dict[str, Any]:
    """A copy of what is learned, by parameter name, on the CPU."""
    return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}


def restore(model: Any, state: dict[str, Any]) -> None:
    """Put what was learned back into a model of the same recipe."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(state[name])


def save(checkpoint: Checkpoint, file: Path) -> None:
    """Write it beside its place, then put it there: who is killed in between keeps the former one."""
    import torch

    fresh = file.with_suffix(".new")
    with fresh.open("wb") as stream:
        torch.save(vars(checkpoint), stream)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def load(file: Path) -> Checkpoint | None:
    """The checkpoint in a file, None where there is none. Tensors and numbers alone are read: no code can be in it."""
    import torch

    return Checkpoint(**torch.load(file, map_location="cpu", weights_only=True)) if file.is_file() else None
