"""What the settings name is loaded and checked together."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.errors import InvalidMapping
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import Configuration, allowed_hosts


def test_a_mapping_for_another_task_is_refused(tmp_path: Path) -> None:
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.replace("task: oncology", "task: cardiology"), encoding="utf-8")
    with pytest.raises(InvalidMapping, match="cardiology"):
        Configuration(Settings(mapping=str(mine)))


def test_hosts_are_allowed_whatever_their_case() -> None:
    fhir = FhirSettings(base_url="http://FHIR.example.org:8080/fhir", allowed_hosts=frozenset({"Files.example.org"}))
    assert allowed_hosts(Settings(fhir=fhir)) == {"fhir.example.org:8080", "files.example.org"}
