"""The base model with its tokenizer, and the adapter on it: by torch, transformers and peft."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medie_fhir.adapters.model_files import home, locate
from medie_fhir.errors import DependencyMissing
from training.recipe import Recipe

__all__ = ["adapted", "base_folder", "base_name", "device", "load_tokenizer", "needs"]

EMBEDDED = "embedded"
_DEQUANTISE = Path(__file__).parents[1] / "deploy" / "local" / "vllm" / "dequantise.py"


def needs(*packages: str) -> None:
    """Raise DependencyMissing where one of the packages is not installed."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise DependencyMissing(f"training needs {', '.join(missing)}; run: pip install -e '.[training]'")


def base_folder(base: str) -> str:
    """What transformers loads for a recipe's ``base``: itself, or for ``embedded`` the folder it is unpacked to.

    That is done once, in a minute, to ``$MEDIE_HOME/training/base`` (default ``~/.cache/medie-fhir``). Raises
    DependencyMissing.
    """
    if base != EMBEDDED:
        return base
    needs("torch", "transformers", "gguf")
    folder = home() / "training" / "base"
    if not (folder / "whole").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(_DEQUANTISE), str(locate()), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no word of it is input
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise DependencyMissing(f"the embedded base can't be unpacked: {last}")
        (folder / "whole").touch()
    return str(folder)


def device() -> str:
    """Where to train: ``cuda`` where there is one, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def base_name(base: str) -> str:
    """The name under which a recipe's base is known elsewhere."""
    return "HuggingFaceTB/SmolLM2-135M-Instruct" if base == EMBEDDED else base


def load_tokenizer(base: str) -> Any:
    """The base's tokenizer, with its chat template. Raises DependencyMissing where it has none."""
    needs("transformers")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base_folder(base))
    if tokenizer.chat_template is None:
        raise DependencyMissing(f"{base} has no chat template: take the base's instruct variant, as it will be served")
    return tokenizer


def adapted(recipe: Recipe) -> Any:
    """The base with an adapter that learns: the one that the recipe starts from, or a fresh one."""
    needs("torch", "transformers", "peft", *(("bitsandbytes",) if recipe.quantise else ()))
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM

    if recipe.quantise and device() != "cuda":
        raise DependencyMissing("a base in 4 bits (quantise) needs a CUDA device; train without --quantise")
    torch.manual_seed(recipe.plan.seed)
    dtype = getattr(torch, recipe.dtype)
    more: dict[str, Any] = {"quantization_config": _four_bits(dtype), "device_map": {"": 0}} if recipe.quantise else {}
    base = AutoModelForCausalLM.from_pretrained(base_folder(recipe.base), dtype=dtype, **more)
    base.config.use_cache = False
    if recipe.quantise:
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=recipe.recompute)
    elif recipe.recompute:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        base.enable_input_require_grads()
    if recipe.start:
        model = PeftModel.from_pretrained(base, recipe.start, is_trainable=True)
    else:
        lora = recipe.lora
        model = get_peft_model(
            base,
            LoraConfig(
                r=lora.rank,
                lora_alpha=lora.alpha,
                lora_dropout=lora.dropout,
                target_modules=list(lora.modules),
                bias="none",
                task_type="CAUSAL_LM",
            ),
        )
    return model if recipe.quantise else model.to(device())


def _four_bits(dtype: Any) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
