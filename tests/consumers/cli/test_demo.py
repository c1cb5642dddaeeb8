"""``medie-fhir demo`` as it is typed: what it does, done again, and what it serves of a store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_store_of_a_demo_can_be_looked_at_without_streaming_again(tmp_path: Path) -> None:
    FhirTwin(tmp_path / "s.sqlite").close()
    call = "from consumers.cli import main; main()"
    command = [sys.executable, "-u", "-c", call, "demo", "--serve", "--store", "s.sqlite"]
    heard = partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # a runner in the background ignores it, and we with it
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        text=True,
        preexec_fn=heard,  # noqa: PLW1509 - it does no more than one system call
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            statement = httpx.get(lines[-1].strip(), trust_env=False).json()
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=90)
        finally:
            process.kill()
    assert statement["resourceType"] == "CapabilityStatement"
    assert process.returncode == 130
    assert "Traceback" not in told


def test_a_store_that_is_not_there_is_not_served_and_not_made(run: Run, tmp_path: Path) -> None:
    told = run("demo", "--serve", "--store", "typo.sqlite")
    assert (told.returncode, told.stdout) == (2, "")
    assert "there is none to serve" in " ".join(told.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_demo_is_served_at_the_port_that_is_asked_for_or_says_that_it_is_taken(run: Run, tmp_path: Path) -> None:
    FhirTwin(tmp_path / "s.sqlite").close()
    with FhirTwin() as twin, FhirTwinServer(twin) as other:
        port = str(urlsplit(other.base_url).port)
        told = run("demo", "--serve", "--store", "s.sqlite", "--port", port)
    assert (told.returncode, told.stdout) == (2, "")
    assert f"--port {port}: can't be listened on" in " ".join(told.stderr.split())


@pytest.mark.model
def test_the_demo_does_what_the_readme_says_and_done_again_changes_nothing(run: Run) -> None:
    first = run("demo", "--store", "s.sqlite", "--json")
    assert first.returncode == 0, first.stderr
    tally = json.loads(first.stdout.splitlines()[-1])
    assert tally["accepted"] >= 20
    assert tally["dead_letters"] == tally["refused"] == 1
    assert tally["events"] == sum(tally[k] for k in ("accepted", "skipped", "retracted", "dead_letters"))
    assert tally["new_versions"] > tally["resources"] > 50
    again = json.loads(run("demo", "--store", "s.sqlite", "--json").stdout.splitlines()[-1])
    assert (again["new_versions"], again["resources"]) == (0, tally["resources"])

    def differing(new: str) -> int:
        return int(json.loads(run("mapping", "diff", "default", new, "--on", "s.sqlite", "--json").stdout)["differing"])

    assert (differing("default"), differing("mcode") > 0) == (0, True)
    remapped = run("remap", "--on", "s.sqlite", "--json")
    assert remapped.returncode == 0, remapped.stderr
    assert "written" not in json.loads(remapped.stdout)["documents"], "the records are those of the store"


@pytest.mark.parametrize("store", ["notes.txt", ".", "notes.txt/s.sqlite"])
def test_a_store_that_can_not_be_one_is_wrong_use(run: Run, tmp_path: Path, store: str) -> None:
    (tmp_path / "notes.txt").write_text("this is no database, and is long enough to be taken for one" * 9)
    told = run("demo", "--store", store)
    assert (told.returncode, told.stdout) == (2, "")
    assert "no FHIR store can be kept there" in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr
