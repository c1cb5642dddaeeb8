"""The digest is what a shell's sha256sum gives, and every byte and name counts."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from medie_fhir.adapters.lora import digest_of

SHELL = (
    r"find -L . -type f -printf '%P\n' | grep -v -e '^\.' -e '/\.' |"
    r" LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
)


def test_of_a_file_it_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "adapter.gguf"
    file.write_bytes(b"weights")
    assert digest_of(file) == hashlib.sha256(b"weights").hexdigest()


def test_of_a_folder_it_is_what_the_documented_line_of_shell_prints(tmp_path: Path, add: Callable[..., Path]) -> None:
    folder = add(tmp_path / "lora", "weights")
    (folder / "sub").mkdir()
    (folder / "sub" / "Ä b.txt").write_text("x", encoding="utf-8")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note").write_text("left out", encoding="utf-8")
    printed = subprocess.run(["sh", "-c", SHELL], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert digest_of(folder) == printed.split()[0]


def test_another_byte_or_another_name_is_another_digest(tmp_path: Path, add: Callable[..., Path]) -> None:
    one, other = add(tmp_path / "one", "weights"), add(tmp_path / "other", "weightz")
    assert digest_of(one) != digest_of(other)
    before = digest_of(one)
    (one / "adapter_config.json").rename(one / "config.json")
    assert digest_of(one) != before
