"""Edits of real files: what counts as one, what is given out, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from medie_fhir.configuration import Configuration, read_mapping
from medie_fhir.mapping_edits import Edits, Loaded, Refused
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

VERSION = "\nversion: "


class Files:
    """A mapping and a site's rows, as an integrator edits them."""

    def __init__(self, folder: Path, configuration: Configuration) -> None:
        self.path, self.site = folder / "mine.yaml", folder / "site"
        shutil.copy(shipped("mappings", "default.yaml"), self.path)
        self.text = self.path.read_text(encoding="utf-8")
        self.settings = Settings(mapping=str(self.path))
        self.task, self.tables = configuration.task, configuration.tables
        self.mapping = read_mapping(self.settings, self.task)
        self.edits = Edits(self.settings, self.task, self.mapping, self.tables)
        assert self.edits.look() is None
        first = self.edits.look()
        assert isinstance(first, Loaded)
        assert not first.changed

    def replaced(self, text: str) -> None:
        """Written beside it and renamed, as good editors do."""
        new = self.path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.path)

    def versioned(self, version: str) -> str:
        before, _, after = self.text.partition(VERSION)
        return f"{before}{VERSION}{version}\n{after.partition(chr(10))[2]}"


@pytest.fixture
def files(tmp_path: Path, configuration: Configuration) -> Files:
    return Files(tmp_path, configuration)


def test_an_edit_is_given_out_once_when_two_looks_have_found_the_same(files: Files) -> None:
    files.replaced(files.versioned("9.9.9"))
    assert files.edits.look() is None
    found = files.edits.look()
    assert isinstance(found, Loaded)
    assert (found.mapping.file.version, found.changed) == ("9.9.9", True)
    assert found.tables is files.tables
    assert [files.edits.look() for _ in range(3)] == [None, None, None]


def test_an_edit_that_keeps_the_files_time_and_size_is_found(files: Files) -> None:
    before = files.path.stat()
    files.path.write_text(files.text.replace(f"{VERSION}1.0.0", f"{VERSION}1.0.9"))
    os.utime(files.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.path.stat().st_size == before.st_size
    assert files.path.stat().st_mtime_ns == before.st_mtime_ns
    files.edits.look()
    assert isinstance(files.edits.look(), Loaded)


def test_a_file_that_is_still_being_written_is_waited_for(files: Files) -> None:
    new = files.versioned("9.9.9")
    for part in (1, 2, 3):  # a template less is a good mapping too
        files.path.write_text(new[: len(new) * part // 4], encoding="utf-8")
        assert files.edits.look() is None
    files.path.write_text(new, encoding="utf-8")
    assert files.edits.look() is None
    found = files.edits.look()
    assert isinstance(found, Loaded)
    assert len(found.mapping.file.templates) == len(files.mapping.file.templates)


def test_all_faults_of_a_bad_edit_are_told_once_and_a_good_one_after_it_is_taken(files: Files) -> None:
    files.replaced(files.versioned("nine").replace("task: oncology", "task: oncology\ncolour: red"))
    assert files.edits.look() is None
    refused = files.edits.look()
    assert isinstance(refused, Refused)
    assert len(refused.faults) == 2
    assert all("mine.yaml:" in fault for fault in refused.faults)
    assert [files.edits.look() for _ in range(3)] == [None, None, None]
    files.replaced(files.versioned("9.9.9"))
    files.edits.look()
    assert isinstance(files.edits.look(), Loaded)


def test_a_bad_edit_that_is_taken_back_is_told_as_what_is_in_use(files: Files) -> None:
    files.replaced("name: [")
    files.edits.look()
    assert isinstance(files.edits.look(), Refused)
    files.replaced(files.text)
    files.edits.look()
    found = files.edits.look()
    assert isinstance(found, Loaded)
    assert (found.mapping.label, found.changed) == (files.mapping.label, False)


def test_a_mapping_that_is_deleted_is_refused(files: Files) -> None:
    files.path.unlink()
    files.edits.look()
    refused = files.edits.look()
    assert isinstance(refused, Refused)
    assert "can't be read" in refused.faults[0]


def test_only_what_becomes_of_reviewed_resources_may_change_too(files: Files) -> None:
    files.replaced(files.text.replace("\nreviewed: keep", "\nreviewed: flag"))
    files.edits.look()
    found = files.edits.look()
    assert isinstance(found, Loaded)
    assert (found.mapping.file.reviewed, found.changed) == ("flag", True)
    assert found.mapping.label == files.mapping.label


def test_a_sites_rows_are_looked_at_and_a_bad_row_is_refused(tmp_path: Path, configuration: Configuration) -> None:
    site = tmp_path / "site"
    site.mkdir()
    rows = site / "cancers.csv"
    header = "concept,role,system,code,display,synonyms,source\n"
    good = "house-tumour,text,,,house tumour,the house tumour,site list\n"
    rows.write_text(header + good, encoding="utf-8")
    settings = Settings(site_terminology=site)
    used = Configuration(settings)
    edits = Edits(settings, used.task, used.mapping, used.tables)
    assert edits.look() is None
    first = edits.look()
    assert isinstance(first, Loaded)
    assert not first.changed
    rows.write_text(header + good + "house-tumour,colour,,,red,,site list\n", encoding="utf-8")
    edits.look()
    refused = edits.look()
    assert isinstance(refused, Refused)
    assert "cancers.csv:3" in refused.faults[0]
    rows.write_text(header + good.replace("the house tumour", "our own tumour"), encoding="utf-8")
    edits.look()
    found = edits.look()
    assert isinstance(found, Loaded)
    assert found.mapping.label == used.mapping.label
    assert found.tables.digest not in (used.tables.digest, configuration.tables.digest)


def test_a_bad_table_of_a_folder_that_an_edit_names_first_is_looked_at_until_it_is_mended(files: Files) -> None:
    ours = files.path.parent / "ours"
    shutil.copytree(shipped("mappings", "terminology"), ours)
    table = ours / "responses.csv"
    good = table.read_text(encoding="utf-8")
    table.write_text(good + "ours,colour,,,red,,ours\n", encoding="utf-8")
    files.replaced(files.text.replace("\ntask: oncology", "\ntask: oncology\nterminology: ours"))
    refused = [found for found in (files.edits.look() for _ in range(5)) if found]
    assert [type(found) for found in refused] == [Refused]
    table.write_text(good + "ours,text,,,our own response,,ours\n", encoding="utf-8")
    loaded = [found for found in (files.edits.look() for _ in range(5)) if found]
    assert [type(found) for found in loaded] == [Loaded]
    assert [files.edits.look() for _ in range(3)] == [None, None, None]


def test_a_config_map_that_is_swapped_by_its_link_is_taken_up(files: Files) -> None:
    """As Kubernetes does it: mine.yaml → ..data/mine.yaml, and ..data → a new folder, by a rename."""
    folder = files.path.parent

    def mounted(name: str, text: str) -> None:
        (folder / name).mkdir()
        (folder / name / "mine.yaml").write_text(text, encoding="utf-8")
        (folder / "..data_tmp").symlink_to(name)
        (folder / "..data_tmp").replace(folder / "..data")

    mounted("..2026_1", files.text)
    files.path.unlink()
    files.path.symlink_to("..data/mine.yaml")
    assert [files.edits.look() for _ in range(2)] == [None, None]
    mounted("..2026_2", files.versioned("9.9.9"))
    shutil.rmtree(folder / "..2026_1")
    assert files.edits.look() is None
    found = files.edits.look()
    assert isinstance(found, Loaded)
    assert found.mapping.file.version == "9.9.9"
