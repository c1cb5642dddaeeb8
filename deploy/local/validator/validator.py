"""HL7's FHIR validator, as HAPI ships it, on this machine: jars from Maven Central, packages from the npm registry.

Needs a JDK (17 or later), mvn and npm on the PATH; npm's own configuration says which registry. Everything is kept in
``~/.cache/medie-fhir``. ``MEDIE_FHIR_PACKAGES`` names a folder in which ``NAME-VERSION.tgz`` is looked for first.
Needs only the standard library.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # a script, and no package: its neighbour must be found from anywhere

from jvm import CACHE, LEAN, JvmError, class_path, fingerprint, missing_programs, run  # noqa: E402

KEPT = CACHE / "validator"
PACKAGES = CACHE / "fhir-packages"
FHIR_REGISTRY = "https://packages.fhir.org"  # for what the npm registry does not hold

TO_DO = "install a JDK (17 or later), Maven and npm (Debian: apt-get install openjdk-17-jdk-headless maven npm)"
OLDEST_JAVA = 17

__all__ = ["Issue", "JvmError", "Package", "Validator", "packages"]


@dataclass(frozen=True)
class Package:
    """A FHIR package. ``integrity`` is as npm writes it; "" where it isn't pinned."""

    name: str
    version: str
    integrity: str
    needed: bool

    @property
    def file(self) -> str:
        """What npm calls its archive."""
        return f"{self.name}-{self.version}.tgz"

    def fetched(self, kept: Path = PACKAGES) -> Path | None:
        """The archive, fetched where it isn't kept; None for one that isn't needed nor to be had. Raises JvmError."""
        given = os.environ.get("MEDIE_FHIR_PACKAGES")
        for folder in (*([Path(given)] if given else []), kept):
            if (folder / self.file).exists():
                return self._checked(folder / self.file)
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as scratch:
            fresh = Path(scratch) / self.file
            try:
                self._fetch(fresh)
            except (JvmError, urllib.error.URLError, OSError):
                if self.needed:
                    raise
                return None
            self._checked(fresh)
            fresh.replace(kept / self.file)
        return kept / self.file

    def _fetch(self, to: Path) -> None:
        if self.needed:
            require("npm")
            run("npm", "pack", f"{self.name}@{self.version}", "--silent", "--pack-destination", str(to.parent))
            return
        url = f"{FHIR_REGISTRY}/{self.name}/{self.version}"
        with urllib.request.urlopen(url, timeout=30) as answer, to.open("wb") as file:  # noqa: S310 - https, ours
            shutil.copyfileobj(answer, file)

    def _checked(self, archive: Path) -> Path:
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if self.integrity and self.integrity != f"sha512-{digest}":
            raise JvmError(f"{archive} is not {self.name} {self.version}: its digest is another")
        return archive


@dataclass(frozen=True)
class Issue:
    """What the validator says of an element. ``severity`` is ``error`` or ``warning``."""

    severity: str
    path: str
    message: str


def packages() -> list[Package]:
    """The packages that packages.csv names."""
    with (HERE / "packages.csv").open(newline="", encoding="utf-8") as file:
        return [Package(r["package"], r["version"], r["integrity"], r["needed"] == "yes") for r in csv.DictReader(file)]


def require(*programs: str) -> None:
    """Raises JvmError, with what to do, where a program is not installed."""
    if missing := missing_programs(*programs):
        raise JvmError(f"not installed: {', '.join(missing)}: {TO_DO}")


def require_java(said: str) -> None:
    """Raises JvmError, with what to do, where ``javac -version`` tells a version that is too old."""
    number = re.search(r"javac (?:1\.)?(\d+)", said)
    if number is None or int(number[1]) < OLDEST_JAVA:
        raise JvmError(f"Java is {said.strip() or 'of an unknown version'}: {TO_DO}")


class Validator:
    """The validator, its packages at hand. ``absent``: packages that could not be had. Raises JvmError."""

    def __init__(self, heap: str = "1500m") -> None:
        require("java", "javac", "mvn")
        require_java(run("javac", "-version"))
        self.archives = {package.name: package.fetched() for package in packages()}
        self.absent = [name for name, archive in self.archives.items() if archive is None]
        self._heap = heap
        self._jars = class_path(HERE / "pom.xml", KEPT)

    def validate(self, resources: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, list[Issue]]]:
        """What it says of each resource, by its name, in their order. Raises JvmError where it gives up."""
        definitions = [
            *filter(None, self.archives.values()),
            *sorted((HERE / "supplement").glob("*.json")),
        ]  # last wins
        with tempfile.TemporaryFile("w+", encoding="utf-8") as lines, tempfile.TemporaryFile("w+") as errors:
            count = 0
            for name, resource in resources:
                lines.write(f"{name}\t{json.dumps(resource)}\n")
                count += 1
            lines.seek(0)
            process = subprocess.Popen(  # noqa: S603 - our own command
                [shutil.which("java") or "java", *self._arguments(), *map(str, definitions)],
                stdin=lines,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
            with process:
                try:
                    for line in process.stdout or ():
                        answer = json.loads(line)
                        yield (
                            answer["name"],
                            [Issue(i["severity"], i["path"] or "", i["message"]) for i in answer["issues"]],
                        )
                        count -= 1
                finally:
                    process.kill()
            if count:
                errors.seek(0)
                raise JvmError("\n".join(["the validator gave up; its last words:", *errors.read().splitlines()[-12:]]))

    def _arguments(self) -> list[str]:
        classes = os.pathsep.join((str(self._compiled()), self._jars))
        return [f"-Xmx{self._heap}", *LEAN, "-cp", classes, "Validate"]

    def _compiled(self) -> Path:
        """The folder of the compiled program. Compiled again when its source or its jars change."""
        sources = sorted((HERE / "src").glob("*.java"))
        folder = KEPT / f"classes-{fingerprint(HERE / 'pom.xml', *sources)}"
        if not folder.exists():
            fresh = folder.with_suffix(f".{os.getpid()}")
            run("javac", "-nowarn", "-d", str(fresh), "-cp", self._jars, *map(str, sources))
            try:
                fresh.rename(folder)
            except OSError:  # another process was faster
                shutil.rmtree(fresh, ignore_errors=True)
        return folder
