"""The embedded model's base, GGUF Q4_1, as the safetensors checkpoint that vLLM reads.

    dequantise.py BASE.gguf FOLDER

Run it with vLLM's own Python: it needs torch, transformers and gguf. The weights are those that llama.cpp computes
with, rounded to bfloat16.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

gguf, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])

tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
# What transformers makes of a GGUF's "smollm" lets digits stand together; the model has learned them one by one.
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
)
model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
model.hf_quantizer, model.is_quantized = None, False
for owner, name in ((model, "quantization_method"), (model.config, "quantization_config")):
    if hasattr(owner, name):
        delattr(owner, name)
model.config.dtype = torch.bfloat16
model.to(torch.bfloat16).save_pretrained(folder)
tokenizer.save_pretrained(folder)
