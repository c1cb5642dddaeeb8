"""Transactions as files, for sites where nothing may write to the FHIR server but the site's own import."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from medie_fhir.errors import ContentNotFound, FhirRejected, FhirUnavailable
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["BundleFiles"]

_MODE = 0o640  # patients' facts: for the owner, and for the importer by its group


class BundleFiles:
    """The port ``FhirServer`` on a folder: ``transact`` writes one JSON file a Bundle, and whoever imports them reads.

    It answers as a server without resources, since what became of the files is not known here. So nothing that an
    earlier version of a document gave is found and taken back, unless the import does that; and an event that only
    refers to its note can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def aclose(self) -> None:
        """Nothing is open between two Bundles."""

    async def capabilities(self) -> Json:
        """A CapabilityStatement with nothing but the transaction in it."""
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-01-01",
            "kind": "instance",
            "software": {"name": "medie-fhir bundle files"},
            "implementation": {"description": "A folder of transaction Bundles, to be imported by others"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json"],
            "rest": [{"mode": "server", "interaction": [{"code": "transaction"}]}],
        }

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """None: nothing is known of what was imported."""
        del resource_type, resource_id
        return None

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """Empty: nothing is known of what was imported."""
        del resource_type, params
        return []

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """Empty: nothing is known of what was imported."""
        del resource_type, resource_id
        return []

    async def transact(self, bundle: Json) -> Json:
        """Writes the Bundle to ``{sha256 of its content}.json``, whole or not at all, and on the disk on return.

        The same Bundle has the same name: written again, it takes the place of the first. A later Bundle may replace
        what an earlier one wrote: import them in the order of their modification times. Raises FhirRejected for what
        is no transaction, FhirUnavailable where the folder can't be written.
        """
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
            raise FhirRejected("writing a bundle file: not a transaction Bundle")
        try:
            data = json.dumps(bundle, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
        except (TypeError, ValueError):
            raise FhirRejected("writing a bundle file: the Bundle holds what JSON can't; it was not written") from None
        try:
            await asyncio.to_thread(_write, self._folder, f"{hashlib.sha256(data).hexdigest()}.json", data)
        except OSError as error:
            message = f"writing a bundle file: {os.strerror(error.errno or 0)}; see to the output folder"
            raise FhirUnavailable(message) from None
        entries = [{"response": {"status": "202 Accepted"}} for _ in bundle.get("entry", ())]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    async def content(self, url: str) -> Content:
        """Raises ContentNotFound: there is no server to fetch from."""
        del url
        raise ContentNotFound("fetching content: with bundle files there is no FHIR server to fetch it from")


def _write(folder: Path, name: str, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # A hidden name without the suffix .json, so that no importer takes the half-written file.
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, _MODE)
            os.fsync(handle)
        Path(temporary).replace(folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    # The rename itself is on the disk only when its folder is.
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
