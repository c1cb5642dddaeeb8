"""What files of Bundles and of NDJSON promise alike: one writer, and a folder that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.adapters.ndjson_files import NdjsonFiles
from medie_fhir.errors import SettingsError

Open = Callable[[Path], BundleFiles | NdjsonFiles]

pytestmark = pytest.mark.parametrize("opened", [BundleFiles, NdjsonFiles])


async def test_one_process_alone_writes_in_a_folder(opened: Open, tmp_path: Path) -> None:
    first = opened(tmp_path)

    with pytest.raises(SettingsError, match=r"fhir\.bundles: .*another process writes there"):
        opened(tmp_path)

    await first.aclose()
    await opened(tmp_path).aclose()


def test_a_folder_that_is_not_there_is_told_at_the_start_in_one_line_and_not_made(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"fhir\.bundles: .*/out: No such file or directory") as told:
        opened(tmp_path / "out")

    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_none_is_told_at_the_start(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"fhir\.bundles: .*Not a directory"):
        opened(tmp_path / "file")


def test_a_folder_where_nothing_can_be_written_is_told_at_the_start(opened: Open) -> None:
    with pytest.raises(SettingsError, match=r"fhir\.bundles: /proc/self: .*let this user write"):
        opened(Path("/proc/self"))
