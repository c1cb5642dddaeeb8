"""What ships was converted by another hand: its PEFT folder must give its GGUF, number by number."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from medie_fhir.errors import SettingsError
from training.export import heads_of, to_gguf

gguf = pytest.importorskip("gguf", reason="the export writes by gguf: pip install -e '.[training]'")
np = pytest.importorskip("numpy", reason="the export computes by numpy: pip install -e '.[training]'")
pytest.importorskip("safetensors", reason="the export reads safetensors: pip install -e '.[training]'")

SHIPPED = Path(__file__).parents[2] / "models" / "medical-ie-smollm2-135m"
HEADS = (9, 3)


def test_the_shipped_folder_becomes_the_shipped_gguf(tmp_path: Path) -> None:
    made = tmp_path / "made.gguf"
    assert to_gguf(SHIPPED, made, HEADS) == 420
    ours, theirs = (gguf.GGUFReader(file) for file in (made, SHIPPED / "medical-ie-smollm2-135m.lora.f16.gguf"))
    there = {tensor.name: tensor.data for tensor in theirs.tensors}
    assert {tensor.name for tensor in ours.tensors} == there.keys()
    assert all(np.array_equal(tensor.data, there[tensor.name]) for tensor in ours.tensors)
    for key in ("general.architecture", "general.type", "adapter.type", "adapter.lora.alpha"):
        assert ours.get_field(key).contents() == theirs.get_field(key).contents()


@pytest.mark.parametrize(
    "change", [{"use_dora": True}, {"use_rslora": True}, {"bias": "all"}, {"modules_to_save": ["x"]}]
)
def test_what_llama_cpp_has_no_form_for_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    folder = copytree(SHIPPED, tmp_path / "peft")
    config = folder / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(SettingsError, match="no plain LoRA"):
        to_gguf(folder, tmp_path / "made.gguf", HEADS)
    assert not (tmp_path / "made.gguf").exists()


def test_a_base_that_is_no_llama_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "qwen2", "num_attention_heads": 4}')
    with pytest.raises(SettingsError, match="llama alone"):
        heads_of(config)
    config.write_text('{"model_type": "llama", "num_attention_heads": 4}')
    assert heads_of(config) == (4, 4)
