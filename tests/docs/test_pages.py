"""The pages say nothing of links, commands, options and targets that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from consumers.cli.app import app

REPO = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "deploy", "docs", "examples", "mappings", "models", "schemas", "training")
PAGES = sorted([*REPO.glob("*.md"), *(page for folder in FOLDERS for page in (REPO / folder).rglob("*.md"))])
TARGETS = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """What stands as code: indented lines without their comments, and words in backticks."""
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"^(?: {4}|\t)(.+)$", text, re.MULTILINE):
        yield re.split(r"\s#", line, maxsplit=1)[0]
    yield from re.findall(r"`([^`\n]+)`", text)


@pages
def test_every_link_leads_to_a_file_and_to_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), link


@pages
def test_every_target_of_make_is_in_the_makefile(page: Path) -> None:
    for line in commands(page):
        for target in re.findall(r"^make ([a-z][a-z-]*)", line.strip()):
            assert target in TARGETS, line


@pages
def test_every_command_and_option_is_one_of_ours(page: Path) -> None:
    for line in commands(page):
        for said in re.findall(r"^(?:\w+=\S+ )*medie-fhir ([^|>;&]+)", line.strip()):
            command: Any = typer.main.get_command(app)
            for word in (word.strip(",.") for word in said.split()):
                if word.startswith("--"):
                    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
                    assert word.partition("=")[0] in options, line
                elif word in getattr(command, "commands", {}):
                    command = command.commands[word]
                elif re.fullmatch(r"[a-z-]{3,}", word):
                    assert not hasattr(command, "commands"), line
