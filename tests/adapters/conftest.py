"""The embedded model, once for all tests that run it; and every kind of FHIR server, for one suite over all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
