"""docs/your-own-task.md, step by step: its files are written, its commands run, its outputs compared."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from medie_fhir.model import Json

PAGE = Path(__file__).parents[2] / "docs" / "your-own-task.md"
BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: (?P<key>file|in)=(?P<name>\S+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
SHIM = '#!/bin/sh\nexec "{python}" -c "from consumers.cli import main; main()" "$@"\n'
PORT = "8000"
ANYTHING = "…"


class Block(NamedTuple):
    language: str
    key: str | None
    name: str | None
    text: str


def blocks() -> list[Block]:
    return [Block(*found.group("language", "key", "name", "text")) for found in BLOCK.finditer(PAGE.read_text("utf-8"))]


class Reader:
    """Someone who follows the page in an empty folder, with a port of their own in the place of the page's."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, str(port)
        (folder / "bin").mkdir()
        shim = folder / "bin" / "medie-fhir"
        shim.write_text(SHIM.format(python=sys.executable))
        shim.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MEDIE_")},
            "PATH": f"{shim.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self.started: list[subprocess.Popen[str]] = []

    def writes(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace(PORT, self.port), encoding="utf-8")

    def runs(self, command: str) -> str:
        """The output of a command; of a program in the background its first line."""
        if command.startswith("export "):
            name, value = command.removeprefix("export ").split("=", 1)
            self.environment[name] = value
            return ""
        if command.endswith(" &"):
            program = subprocess.Popen(
                command.removesuffix(" &").split(),
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.started.append(program)
            return program.stdout.readline() if program.stdout else ""
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Reader(tmp_path, port)
    yield made
    for program in made.started:
        program.kill()
        program.communicate()


def is_as_told(told: str, output: str) -> bool:
    """Whether an output is the page's, where ``…`` stands for anything."""
    pattern = ".*".join(map(re.escape, told.strip().split(ANYTHING)))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def without_what_differs(told: object, found: object) -> object:
    """What was found, with ``…`` wherever the page has it."""
    if told == ANYTHING:
        return ANYTHING
    if isinstance(told, dict) and isinstance(found, dict):
        return {key: without_what_differs(told.get(key), value) for key, value in found.items()}
    return found


def test_the_page_can_be_followed_from_an_empty_folder_to_resources(reader: Reader) -> None:
    compared = 0
    for block in blocks():
        if block.key == "file":
            reader.writes(str(block.name), block.text)
        elif block.language == "console":
            for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, told = step.partition("\n")
                output = reader.runs(command)
                assert is_as_told(told, output), f"{command}:\n{output}"
                compared += 1
        elif block.key == "in":
            told_resource: Json = json.loads(block.text)
            bundle = json.loads((reader.folder / str(block.name)).read_text("utf-8"))
            resources = [entry["resource"] for entry in bundle["entry"]]
            (found,) = [r for r in resources if r["resourceType"] == told_resource["resourceType"]]
            assert without_what_differs(told_resource, found) == told_resource
            conditions = [r["code"]["text"] for r in resources if r["resourceType"] == "Condition"]
            assert conditions == ["type 2 diabetes"], "the note denies the other"
            compared += 1
    assert compared == 7


def test_every_file_of_the_page_is_named_and_no_block_is_left_out() -> None:
    assert [block.name for block in blocks() if block.key == "file"] == [
        "task.yaml",
        "tables/diabetes.csv",
        "tables/hba1c.csv",
        "mapping.yaml",
        "settings.yaml",
        "note.txt",
        "model.py",
    ]
    assert all(block.key or block.language == "console" for block in blocks())
