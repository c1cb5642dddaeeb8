"""The embedded model, once for all tests that run it; a twin; and authorities that make certificates."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.adapters.model_files import ADAPTER, locate, pull


@pytest.fixture(scope="session")
def embedded_model() -> Iterator[LlamaCpp]:
    """A running embedded server. The base model is fetched where this machine has none."""
    with LlamaCpp(pull(), locate(ADAPTER.name)) as server:
        yield server


@pytest.fixture
def twin() -> Iterator[FhirTwin]:
    """A twin in memory, empty."""
    with FhirTwin() as twin:
        yield twin


@dataclass
class Authority:
    """A CA, and its files."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)
    _later: float = field(default_factory=time.time)

    @property
    def file(self) -> Path:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(path)
        return path

    def files(self, name: str, **how: Any) -> tuple[Path, Path]:
        """A certificate's chain and its key."""
        leaf = self.ca.issue_cert(name, **how)
        chain, key = self.folder / "chain.pem", self.folder / "key.pem"
        chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(key)
        return chain, key

    def renewed(self, name: str, by: Path) -> None:
        """Lays another file over one of ours, some time later."""
        file = self.folder / name
        file.write_bytes(by.read_bytes())
        self._later += 10
        os.utime(file, (self._later, self._later))

    def server(self, name: str = "127.0.0.1", *, wants_client: bool = False, **how: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(name, **how).configure_cert(context)
        if wants_client:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def other_authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "other"
    folder.mkdir()
    return Authority(folder)
