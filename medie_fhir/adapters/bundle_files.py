"""Transactions as files, for sites where nothing may write to the FHIR server but the site's own import."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path

from medie_fhir.adapters.out_folder import Stamps, claim, fit, sweep, sync, write_whole
from medie_fhir.adapters.write_only import WriteOnly, accepted, require_transaction
from medie_fhir.errors import FhirRejected, FhirUnavailable
from medie_fhir.model import Json

__all__ = ["BundleFiles"]


class BundleFiles(WriteOnly):
    """The port ``FhirServer`` on a folder: ``transact`` writes one JSON file a Bundle, and whoever imports them reads.

    A later Bundle may replace what an earlier one wrote: their names, sorted, are the order in which to import them.
    One process alone writes in a folder. Raises SettingsError where it is missing, can't be written, or is another's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("medie-fhir bundle files", "A folder of transaction Bundles, to be imported by others")
        fit(folder)
        sweep(folder)
        self._lock = claim(folder)
        self._folder = folder
        self._stamps = Stamps(folder)

    async def aclose(self) -> None:
        """Leaves the folder to another process."""
        os.close(self._lock)

    async def transact(self, bundle: Json) -> Json:
        """Writes the Bundle to ``{time}-{sha256 of the file}.json``, whole or not at all, and on the disk on return.

        Raises FhirRejected for what is no transaction, FhirUnavailable where it can't be written: sent again then, the
        Bundle may stand there twice.
        """
        require_transaction(bundle, "writing a bundle file")
        try:
            data = json.dumps(bundle, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            raise FhirRejected("writing a bundle file: the Bundle holds what JSON can't; it was not written") from None
        # Before the thread begins: two versions of a document are named in the order in which they were sent.
        name = f"{self._stamps.next()}-{hashlib.sha256(data).hexdigest()}.json"
        try:
            await asyncio.to_thread(_write, self._folder, name, data)
        except OSError as error:
            message = f"writing a bundle file: {os.strerror(error.errno or 0)}; see to the folder {self._folder}"
            raise FhirUnavailable(message) from None
        return accepted(bundle)


def _write(folder: Path, name: str, data: bytes) -> None:
    write_whole(folder, name, [data])
    sync(folder)
