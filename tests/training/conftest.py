"""The training is run from a checkout and is no part of the wheel: its folder's parent is looked in last."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from medie_fhir.extraction import Task, load_task
from medie_fhir.shipped import shipped

REPO = Path(__file__).parents[2]
if str(REPO) not in sys.path:
    sys.path.append(str(REPO))

from training.augment import Phrases, load_phrases  # noqa: E402 - after the path
from training.rows import Row, nothing  # noqa: E402 - as above


@pytest.fixture(scope="session")
def task() -> Task:
    return load_task(shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def phrases() -> Phrases:
    return load_phrases()


@pytest.fixture(scope="session")
def rows(task: Task) -> list[Row]:
    """A few notes of our own with their answers."""
    return [
        Row(
            "61-year-old woman with lung adenocarcinoma, stage IV. NGS found EGFR L858R. She was given "
            "osimertinib, with a partial response after two months. There are metastases of the brain.",
            {
                "cancer_type": "lung adenocarcinoma",
                "stage": "IV",
                "gene_mutation": "EGFR L858R",
                "biomarker": None,
                "treatment": "osimertinib",
                "response": "partial response",
                "metastasis_site": "brain",
            },
        ),
        Row(
            "Breast cancer of the left side, ER positive and HER2 negative, pT2 pN0. Lumpectomy, then radiotherapy.",
            {
                **nothing(task),
                "cancer_type": "breast cancer",
                "stage": "pT2 pN0",
                "biomarker": "ER positive; HER2 negative",
                "treatment": "lumpectomy; radiotherapy",
            },
        ),
        Row(
            "55-year-old man with stage III adenocarcinoma of the colon, MSI-H. Stable disease under FOLFOX.",
            {
                **nothing(task),
                "cancer_type": "colon adenocarcinoma",
                "stage": "III",
                "biomarker": "MSI-H",
                "treatment": "FOLFOX",
                "response": "stable disease",
            },
        ),
    ]


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers (hidden 64, four heads of which two keys) with a byte tokenizer, made here."""
    torch = pytest.importorskip("torch", reason="the training needs torch: pip install -e '.[training]'")
    pytest.importorskip("peft", reason="the training needs peft: pip install -e '.[training]'")
    transformers = pytest.importorskip("transformers", reason="the training needs transformers")
    import tokenizers

    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet, "th", "in", "er"]
    merges = [("t", "h"), ("i", "n"), ("e", "r")]
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE({word: i for i, word in enumerate(words)}, merges))
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.08,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_gguf(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama as llama.cpp reads it, in 32 bits: nothing is lost, so that what differs is the adapter."""
    gguf = pytest.importorskip("gguf", reason="the export writes by gguf: pip install -e '.[training]'")
    import json

    from safetensors.numpy import load_file

    config = json.loads((tiny / "config.json").read_text())
    bpe = json.loads((tiny / "tokenizer.json").read_text())["model"]
    file = tmp_path_factory.mktemp("tiny-gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    words = sorted(bpe["vocab"], key=bpe["vocab"].__getitem__)
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(words) - 3))
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, tensor in load_file(tiny / "model.safetensors").items():
        if (part := name.split(".")[-2]) in heads:
            shape = (heads[part], 2, tensor.shape[0] // heads[part] // 2, tensor.shape[1])
            exact = tensor.reshape(shape).swapaxes(1, 2).reshape(tensor.shape).copy()
        else:
            exact = tensor
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), exact)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
