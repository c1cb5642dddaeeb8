"""The shipped tables, loaded once."""

from __future__ import annotations

import pytest

from medie_fhir.coding import Tables, load_tables
from medie_fhir.shipped import shipped


@pytest.fixture(scope="session")
def tables() -> Tables:
    return load_tables(shipped("mappings", "terminology"))
