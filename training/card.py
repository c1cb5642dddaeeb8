"""An adapter's card: what it was made of and how, what was measured, what it can't do. From files, by a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from medie_fhir.errors import SettingsError
from training.base import base_name
from training.journal import Line, duration

__all__ = ["card"]

_NONE = "Not measured. Nothing is known of this adapter: do not put it into use."


def card(
    run: Mapping[str, Any],
    journal: Sequence[Line],
    files: Mapping[str, str],
    evaluations: Mapping[str, Mapping[str, Any]],
) -> str:
    """The card (Markdown) of a finished run.

    ``run`` is its ``run.json``; ``files`` are the exported files with their SHA-256; ``evaluations`` are outputs of
    ``medie-fhir evaluate --json`` by what they are to be called. Raises SettingsError where one of them is of another
    adapter than ``files``, for a figure under a wrong name is worse than none.
    """
    recipe = run["recipe"]
    losses = [line for line in journal if "validation" in line]
    for name, found in evaluations.items():
        digest = (found.get("run") or {}).get("adapter_digest")
        if digest not in files.values():
            raise SettingsError(f"{name}: was measured with another adapter: none of these files has its SHA-256")
    return Template((Path(__file__).parent / "card.md").read_text(encoding="utf-8")).substitute(
        name=recipe["name"],
        base=base_name(recipe["base"]),
        start=recipe["start"] or "a fresh adapter",
        task=run["task"],
        files="\n".join(f"| `{file}` | `{digest}` |" for file, digest in files.items()),
        data="\n".join(_counts(run["counts"])),
        data_digest=run["data_digest"],
        lora=_listed(recipe["lora"]),
        plan=_listed(recipe["plan"]),
        dtype=recipe["dtype"] + (", base in 4 bits (NF4)" if recipe["quantise"] else ""),
        steps=run["outcome"]["step"],
        seen=run["outcome"]["step"] * recipe["plan"]["batch"] * recipe["plan"]["accumulate"],
        best_step=run["outcome"]["best_step"],
        best_loss=f"{run['outcome']['best_loss']:.4f}",
        time=duration(run["outcome"]["seconds"]),
        software=", ".join(f"{name} {version}" for name, version in run["software"].items()),
        losses=", ".join(f"{line['validation']:.4f} (step {line['step']:.0f})" for line in losses),
        results="\n\n".join(_results(name, found) for name, found in evaluations.items()) or _NONE,
    )


def _counts(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    kinds = sorted({kind for side in counts.values() for kind in side})
    return [f"| {kind} | {counts['train'].get(kind, 0)} | {counts['validation'].get(kind, 0)} |" for kind in kinds]


def _listed(numbers: Mapping[str, Any]) -> str:
    def said(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return "; ".join(f"{name} {said(value)}" for name, value in numbers.items())


def _results(name: str, found: Mapping[str, Any]) -> str:
    """One evaluation's table. Readers are told: a figure of two readers says little of the adapter alone."""
    negatives = found["negatives"]
    clean = f"{negatives['clean']} of {negatives['notes']}"
    by = f"{' and '.join(found['run']['readers'])}, through the whole pipeline (`medie-fhir evaluate`)"
    lines = [
        f"### {name}",
        f"{found['notes']} notes, read by {by}; gold SHA-256 `{found['run']['gold'][:16]}…`.",
        "",
        "| | precision | recall | F1 |",
        "| --- | --- | --- | --- |",
        *(f"| {field} | {_three(one)} |" for field, one in found["fields"].items()),
        f"| **all values** | {_three(found)} |",
        "",
        f"Macro-F1 {found['macro_f1']:.3f}, exact set F1 {found['exact_f1']:.3f}.",
        f"Forbidden values: {found['forbidden']}. Negatives without a wrong value: {clean}.",
    ]
    return "\n".join(lines)


def _three(one: Mapping[str, Any]) -> str:
    return " | ".join("–" if one[key] is None else f"{one[key]:.3f}" for key in ("precision", "recall", "f1"))
