r"""Records whose header names are not UTF-8.

The protocol says that they are, and no broker checks it. kafka-python 3.0.12 decodes them while it parses a batch, and
the exception of one record comes out of ``poll``, at the same record again after every restart: one odd record of
another client would stop a partition for ever. So such a record, and no other, is parsed again with a buffer whose
text shows undecodable bytes as ``\xff``; its key, value and header values are untouched.
"""

from __future__ import annotations

from typing import Any

from kafka.record.default_records import DefaultRecordBatch

__all__ = ["tolerate"]


class _Lenient(bytearray):
    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _Lenient(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def tolerate() -> None:
    """Have the client read such records. Doing it again changes nothing."""
    strict = DefaultRecordBatch._read_msg  # noqa: SLF001 - there is no public place between a batch and its records
    if getattr(strict, "lenient", False):
        return

    def read(batch: Any) -> Any:
        try:
            return strict(batch)
        except UnicodeDecodeError:
            buffer = batch._buffer  # noqa: SLF001 - the position is moved only at a record's end: it is still at its start
            batch._buffer = _Lenient(buffer)  # noqa: SLF001
            try:
                return strict(batch)
            finally:
                batch._buffer = buffer  # noqa: SLF001

    read.lenient = True  # type: ignore[attr-defined]
    DefaultRecordBatch._read_msg = read  # noqa: SLF001
