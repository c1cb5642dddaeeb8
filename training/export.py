"""A PEFT folder of a Llama → llama.cpp's GGUF adapter, by numpy alone.

The layout (llama.cpp, ``convert_lora_to_gguf.py``; the shipped pair has it too): ``blk.N.<tensor>.weight.lora_a`` is
A, rank × in, and ``lora_b`` is B, out × rank; the scale is ``adapter.lora.alpha`` ÷ rank. llama.cpp rotates pairs of
neighbouring rows of a head's query and key, transformers a row of its first half with one of its second: so the rows of
their B are put into llama.cpp's order, as the base's were.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from medie_fhir.errors import SettingsError
from training.base import needs

__all__ = ["Heads", "heads_of", "to_gguf"]

Heads = tuple[int, int]
"""The base's query heads and key/value heads."""

_NAME = re.compile(r"base_model\.model\.(model\.layers\.\d+\.\w+\.(\w+))\.lora_([AB])\.weight")


def heads_of(config: Path) -> Heads:
    """The heads that a base's ``config.json`` tells. Raises SettingsError for a base that is no Llama."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{config}: can't be read ({type(error).__name__})") from None
    if content.get("model_type") != "llama":
        raise SettingsError(
            f"{config}: GGUF is written for bases of the type llama alone; serve the PEFT folder by vLLM"
        )
    queries = int(content["num_attention_heads"])
    return queries, int(content.get("num_key_value_heads") or queries)


def to_gguf(folder: Path, file: Path, heads: Heads, kind: Literal["f16", "f32"] = "f16") -> int:
    """Write a PEFT folder's adapter to a GGUF file, which appears whole or not at all. Gives the number of tensors.

    Raises SettingsError for what llama.cpp has no form for: DoRA, rank-stabilised scale, biases, other layers.
    """
    needs("gguf", "numpy", "safetensors")
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    _refuse_others(config, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 1 + max(map(_layer, tensors), default=0))
    fresh = file.with_suffix(".new")
    writer = gguf.GGUFWriter(fresh, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    writer.add_name(file.name.partition(".")[0])
    for name, tensor in sorted(tensors.items()):
        found = _NAME.fullmatch(name)
        target = names.get_name(found[1]) if found else None
        if found is None or target is None:
            raise SettingsError(f"{folder}: {name} has no place in llama.cpp's form of a LoRA adapter")
        if found[3] == "B" and found[2] in ("q_proj", "k_proj"):
            tensor = _paired(tensor, heads[found[2] == "k_proj"])  # noqa: PLW2901 - the same tensor, in another order
        exact = np.ascontiguousarray(tensor, dtype=np.float16 if kind == "f16" else np.float32)
        writer.add_tensor(f"{target}.weight.lora_{found[3].lower()}", exact)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fresh.replace(file)
    return len(tensors)


def _paired(rows: Any, heads: int) -> Any:
    """Rows in llama.cpp's order: within a head, each row of the first half before its partner of the second."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _layer(name: str) -> int:
    found = re.search(r"\.layers\.(\d+)\.", name)
    return int(found[1]) if found else 0


def _refuse_others(config: dict[str, Any], folder: Path) -> None:
    wrong = [
        key for key in ("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern") if config.get(key)
    ]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or wrong:
        raise SettingsError(
            f"{folder}: is no plain LoRA ({', '.join(wrong) or 'type or bias'}), and has no form in GGUF"
        )
