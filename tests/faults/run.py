"""Faults on a real broker: each makes a row {"fault", "events", "lost", …} in build/faults.json, and must be clean.

    python tests/faults/run.py [NAME …]

FAULT_EVENTS (2000) is how many events a fault gets, FAULT_SECONDS (30) how long an outage lasts, FAULT_SEED (1) draws
the events, FAULT_OUT is the file of the rows. Logs of the consumers are left in build/faults/. The exit status is 1
where a row is not clean.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "deploy" / "local" / "kafka")]

import local_kafka  # noqa: E402 - found by the line above
from corpus import Corpus, draw  # noqa: E402
from faults import FAULTS, Fault  # noqa: E402
from leaks import Leaks  # noqa: E402
from model_stub import ModelStub  # noqa: E402
from oracle import Reference, reference  # noqa: E402
from stand import Row, Stand  # noqa: E402

BUILD = HERE.parents[1] / "build"
_COLUMNS = ("events", "lost", "duplicated", "out_of_order", "stuck", "leaked", "dead_letters", "recovery_s")


class Suite:
    """Runs faults one after another; corpora, their references and the broker are made once and kept."""

    def __init__(self) -> None:
        self.events = int(os.environ.get("FAULT_EVENTS", "2000"))
        self.seconds = float(os.environ.get("FAULT_SECONDS", "30"))
        self.seed = int(os.environ.get("FAULT_SEED", "1"))
        self._known: dict[float, tuple[Corpus, Reference]] = {}
        self._shared: Any = None

    def run(self, fault: Fault) -> Row:
        """The row of a fault."""
        corpus, expected = self._expected(fault.poison_share)
        folder = BUILD / "faults" / fault.name
        for old in folder.glob("*.log"):
            old.unlink()
        with self._broker(fault) as kafka, Stand(fault.name, corpus, expected, kafka.address, folder) as stand:
            stand.broker = kafka
            try:
                fault.make(stand, self.seconds)
            except AssertionError as broken:
                stand.problems.append(str(broken))  # the row will not be clean; the others are still to be had
            stand.finish()
            return stand.judge()

    def close(self) -> None:
        """End the broker."""
        if self._shared is not None:
            self._shared.wipe()

    def _expected(self, poison_share: float) -> tuple[Corpus, Reference]:
        if poison_share not in self._known:
            sys.stderr.write(f"drawing {self.events} events, and doing them one after another without any fault …\n")
            corpus, stub = draw(self.events, self.seed, poison_share), ModelStub(Leaks())
            self._known[poison_share] = corpus, asyncio.run(reference(corpus, stub))
            stub.close()
        return self._known[poison_share]

    @contextmanager
    def _broker(self, fault: Fault) -> Iterator[Any]:
        if fault.broker == "shared":
            if self._shared is None:
                self._shared = local_kafka.LocalKafka(BUILD / "faults" / "kafka", local_kafka.free_for())
                self._shared.wipe()
                self._shared.start()
            yield self._shared
            return
        kind = local_kafka.LocalCluster if fault.broker == "three" else local_kafka.LocalKafka
        own = kind(BUILD / "faults" / f"kafka-{fault.name}", local_kafka.free_for(3))
        own.wipe()
        try:
            own.start()
            yield own
        finally:
            own.wipe()


def main(names: list[str]) -> int:
    """Run the named faults, or all."""
    known = {fault.name: fault for fault in FAULTS}
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"no such fault: {', '.join(unknown)}; there are: {', '.join(known)}\n")
        return 2
    suite, rows, out = Suite(), [], Path(os.environ.get("FAULT_OUT", BUILD / "faults.json"))
    _tell("fault", _COLUMNS)
    try:
        for name in names or known:
            row = suite.run(known[name])
            rows.append(row)
            shown = row.to_json() | {"dead_letters": f"{row.dead_letters_seen} of {row.dead_letters_expected}"}
            _tell(row.fault, [*(shown[column] for column in _COLUMNS), "" if row.clean else "NOT CLEAN"])
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows), encoding="utf-8")
    finally:
        suite.close()
    return 0 if all(row.clean for row in rows) else 1


def _tell(name: str, columns: Sequence[object]) -> None:
    sys.stdout.write(f"{name:<30}" + "".join(f"{column!s:>14}" for column in columns) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
