"""Writes proved on a real HAPI FHIR server: a figure a line in build/fhir-proof.json, and each must be as wanted.

    python tests/proof/run.py [ROW …]

FHIR_PROOF_DOCUMENTS scales: so many documents for the row that has most (500), and the others in proportion.
FHIR_PROOF_OUT is the file of the figures; MEDIE_TEST_FHIR_URL names a server that is there, and is written to. The exit
status is 1 where a figure is not as wanted.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "faults"), str(HERE.parents[1] / "benchmarks")]

from rows import ROWS  # noqa: E402 - found by the line above
from server import JvmError, lacking, real_fhir  # noqa: E402
from stand import Figure, Stand  # noqa: E402

OUT = Path(os.environ.get("FHIR_PROOF_OUT", HERE.parents[1] / "build" / "fhir-proof.json"))
MOST = 500
AT_ONCE = 8


async def prove(base_url: str, name: str, scale: float) -> list[Figure]:
    """A row's figures."""
    row, size = ROWS[name]
    began = time.monotonic()
    sys.stderr.write(f"{name}: {' '.join((row.__doc__ or '').split())}\n")
    async with Stand.at(base_url, name) as stand:
        figures = await row(stand, max(5, round(size * scale)), AT_ONCE)
    for figure in figures:
        shown = f"{figure.value:g} {figure.unit}" + (f" (wanted: {figure.wanted})" if figure.wanted else "")
        sys.stdout.write(f"{figure.name:<58}{shown}{'' if figure.ok else '   NOT AS WANTED'}\n")
    sys.stdout.flush()
    sys.stderr.write(f"  {time.monotonic() - began:.0f} s\n")
    return figures


def main(names: list[str]) -> int:
    """Prove the named rows, or all."""
    if unknown := [name for name in names if name not in ROWS]:
        sys.stderr.write(f"no such row: {', '.join(unknown)}; there are: {', '.join(ROWS)}\n")
        return 2
    if missing := [] if os.environ.get("MEDIE_TEST_FHIR_URL") else lacking():
        sys.stderr.write(f"a real FHIR server needs {', '.join(missing)}, or MEDIE_TEST_FHIR_URL\n")
        return 2
    figures: list[Figure] = []
    scale = float(os.environ.get("FHIR_PROOF_DOCUMENTS", MOST)) / MOST
    try:
        with real_fhir() as base_url:
            for name in names or ROWS:
                figures += asyncio.run(prove(base_url, name, scale))
                OUT.parent.mkdir(parents=True, exist_ok=True)
                OUT.write_text("".join(json.dumps(asdict(f)) + "\n" for f in figures), encoding="utf-8")
    except JvmError as error:
        sys.stderr.write(f"fhir: {error}\n")
        return 2
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
