"""The folder into which files are put for others to import: whether it is fit, names in order, files never in part."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from medie_fhir.errors import SettingsError

__all__ = ["FILE_MODE", "FOLDER_MODE", "Stamps", "claim", "fit", "sweep", "sync", "write_whole"]

FILE_MODE = 0o640  # patients' facts: for the owner, and for the importer by its group
FOLDER_MODE = 0o750
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LEFT_BEHIND_S = 3600.0


def fit(folder: Path, setting: str = "fhir.bundles") -> None:
    """Raises SettingsError where the folder isn't there or nothing can be written in it; a full disk is no such fault.

    It is not made: where a mount is missing, its place on this machine's own disk would fill up unseen.
    """
    try:
        handle, probe = tempfile.mkstemp(prefix=".tmp", suffix=".part", dir=folder)
    except OSError as error:
        if error.errno in _FULL:
            return
        why = os.strerror(error.errno or 0)
        raise SettingsError(f"{setting}: {folder}: {why}: make the folder, and let this user write in it") from None
    os.close(handle)
    Path(probe).unlink(missing_ok=True)


def claim(folder: Path, setting: str = "fhir.bundles") -> int:
    """Makes this process the only one that writes in a folder, until the descriptor that it returns is closed.

    Two would name their files by two clocks. Raises SettingsError where another has it, or nobody can.
    """
    place = folder / ".lock"
    try:
        lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SettingsError(f"{setting}: {place}: {why}: see whose it is, and that the disk has room") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise SettingsError(f"{setting}: {folder}: another process writes there; one alone can") from None
    return lock


class Stamps:
    """Times of UTC as the beginnings of names, in the order in which they were asked for, whatever the clock does.

    ``20261121T160000.123456Z``: always after all that stand in the folder already.
    """

    def __init__(self, folder: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        begun = sorted(
            (name for path in folder.iterdir() if (name := path.name.removeprefix("."))[:1].isdigit()), reverse=True
        )
        self._last = next(filter(None, map(_microseconds, begun)), 0)

    def next(self) -> str:
        """A later one than all before."""
        self._last = max(self._now_ns() // 1000, self._last + 1)
        seconds, rest = divmod(self._last, 1_000_000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{rest:06}Z"


def _microseconds(name: str) -> int | None:
    """The time with which a name begins."""
    with suppress(ValueError):
        moment = datetime.strptime(name[:23], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    return None


def write_whole(folder: Path, name: str, parts: Iterable[bytes]) -> str:
    """Writes a file, whole and on the disk on return, or not at all. Its sha256. Raises OSError.

    A power cut right after may still cost the name, until :func:`sync` of the folder.
    """
    # A hidden name without the suffix of its kind, so that no importer takes the half-written file.
    handle, temporary = tempfile.mkstemp(prefix=".tmp", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = hashlib.sha256()
            for part in parts:
                digest.update(part)
                file.write(part)
            file.flush()
            os.fchmod(handle, FILE_MODE)
            os.fsync(handle)
        Path(temporary).replace(folder / name)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def sync(folder: Path) -> None:
    """Puts a folder's names on the disk. Raises OSError."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def sweep(folder: Path) -> None:
    """Removes what a killed process left half-written; not what another may be writing right now."""
    for path in folder.glob(".tmp*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                path.unlink()
