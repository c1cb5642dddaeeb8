"""What is tested is what is installed: `make test` runs against the wheel, and says so in MEDIE_TEST_INSTALLED."""

from __future__ import annotations

import os
from importlib.metadata import files
from pathlib import Path

import pytest

import consumers
import medie_fhir
from medie_fhir.shipped import shipped

REPO = Path(__file__).parents[1]
from_wheel = pytest.mark.skipif("MEDIE_TEST_INSTALLED" not in os.environ, reason="an editable install (make dev)")


@from_wheel
def test_neither_package_comes_from_the_source_tree() -> None:
    for package in (medie_fhir, consumers):
        place = Path(package.__file__ or "")
        assert "site-packages" in place.parts
        assert not (REPO / package.__name__).samefile(place.parent)


@from_wheel
def test_the_wheel_holds_two_packages_and_no_other_top_level_name() -> None:
    tops = {f.parts[0] for f in files("medie-fhir") or () if f.parts[0] != ".."}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"medie_fhir", "consumers"}


@from_wheel
def test_what_ships_rides_inside_the_package() -> None:
    for kind, name in (
        ("mappings", "default.yaml"),
        ("mappings", "terminology/cancers.csv"),
        ("schemas", "tasks/oncology.yaml"),
        ("schemas", "context/cues.csv"),
        ("notes", "events.jsonl"),
        ("models", "medical-ie-smollm2-135m.lora.f16.gguf"),
    ):
        assert shipped(kind, name).is_file()
        assert "site-packages" in shipped(kind, name).parts


def test_what_ships_is_found_in_every_kind_of_install() -> None:
    assert shipped("mappings", "default.yaml").read_text(encoding="utf-8").startswith("# yaml-language-server")
