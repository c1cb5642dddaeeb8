"""Edits of the mapping and its tables while a consumer runs: loaded and checked aside, and given out whole or refused.

What is looked at is the files' content, not their times: an editor may write in place, put another file in its place,
or keep the time, and a Kubernetes ConfigMap is exchanged by a link. A change counts once two looks in a row have found
the same: of a file that is half written a part may be a good mapping, too, by which facts would be taken back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from medie_fhir.coding import Tables, digest_of
from medie_fhir.configuration import mapping_path, read_mapping, read_tables, terminology_of
from medie_fhir.errors import InvalidMapping, InvalidTerminology, SettingsError
from medie_fhir.extraction import Task
from medie_fhir.mapping import Mapping
from medie_fhir.settings import Settings

__all__ = ["Edits", "Loaded", "Refused"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A mapping and its tables without faults. ``changed``: whether they say anything else than those in use."""

    mapping: Mapping
    tables: Tables
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an edit can't be used: all faults."""

    faults: tuple[str, ...]


class Edits:
    """Looks at the files that the settings name. ``mapping`` and ``tables`` are those in use."""

    def __init__(self, settings: Settings, task: Task, mapping: Mapping, tables: Tables) -> None:
        self._settings, self._task = settings, task
        self._used = Loaded(mapping, tables)
        self._named = mapping  # whose tables are looked at: the last that had no faults, though its tables may have
        self._seen: str | None = None
        self._judged: str | None = None

    def look(self) -> Loaded | Refused | None:
        """What an edit came to, told once; None where there is none, or it may not be at its end.

        Takes as long as loading does, in whose thread it is called; for one thread at a time.
        """
        now = self._content()
        settled, self._seen = now == self._seen, now
        if not settled or now == self._judged:
            return None
        found = self._load()
        if self._content() != now:
            return None  # written again meanwhile: what was read may be of both
        self._judged = now
        if isinstance(found, Loaded):
            self._used = found
        return found

    def _load(self) -> Loaded | Refused:
        used = self._used
        try:
            mapping = self._named = read_mapping(self._settings, self._task)
            tables = used.tables
            if self._tables_digest(mapping) != used.tables.digest:
                tables = read_tables(self._settings, self._task, mapping)
        except InvalidMapping as error:
            return Refused(tuple(error.faults))
        except (InvalidTerminology, SettingsError, OSError) as error:
            return Refused(tuple(str(error).splitlines()))
        same = (mapping.label, mapping.file.reviewed) == (used.mapping.label, used.mapping.file.reviewed)
        return Loaded(mapping, tables, changed=not same or tables is not used.tables)

    def _content(self) -> str:
        """A digest of all files as they are, or of the reason why they can't be read."""
        try:
            mapping = hashlib.sha256(mapping_path(self._settings).read_bytes()).hexdigest()
            return f"{mapping} {self._tables_digest(self._named)}"
        except OSError as error:
            return f"unreadable: {error.errno}"

    def _tables_digest(self, mapping: Mapping) -> str:
        return digest_of(terminology_of(self._settings, mapping), self._settings.site_terminology)
