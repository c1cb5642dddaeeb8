"""What an adapter is, byte for byte: the SHA-256 of its file, or of all the files of its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["digest_of"]


def digest_of(adapter: Path) -> str:
    """The digest, in hexadecimal. Raises OSError.

    Of a file (GGUF) it is the one that ``sha256sum`` prints. Of a folder (PEFT) it is that of the list which
    ``sha256sum`` prints of its files, in the order of their names' bytes; what begins with a dot is left out.
    """
    if not adapter.is_dir():
        return _of_file(adapter)
    lines = (f"{_of_file(adapter / name)}  {name}\n" for name in sorted(_names(adapter), key=str.encode))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _of_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix()
