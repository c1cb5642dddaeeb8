"""Whether two forms of an adapter are the same model: log probabilities of transformers + PEFT beside llama.cpp + GGUF.

Text is no test of a conversion: with the query's rows in the wrong order the likeliest token is mostly still the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.errors import DependencyMissing
from training.base import needs

__all__ = ["Asked", "Parity", "asked_of_llama_cpp", "compared"]

_LIKELIEST = 5
_WHOLE_CHARACTERS = "root ::= [ -~]*"
"""llama.cpp tells nothing of a token that is a part of a character: its answers shall have none. The log probabilities
are those before this choice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What llama.cpp made of a prompt.

    ``rendered`` is the prompt as the server's own chat template and tokens make it of the messages. ``answer`` are the
    tokens that it wrote at temperature 0, and ``logprobs`` at each of them the likeliest tokens' log probabilities.
    """

    rendered: tuple[int, ...]
    answer: tuple[int, ...]
    logprobs: tuple[dict[int, float], ...]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two forms are apart, over the five likeliest tokens of every place of the answers.

    ``mean`` and ``most`` in nats. ``prompts_differ``: prompts that the two do not cut into the same tokens.
    ``first_differs``: the share of places where another token is the likeliest.
    """

    places: int
    mean: float
    most: float
    first_differs: float
    prompts_differ: int


def asked_of_llama_cpp(
    base: Path, adapter: Path, prompts: Sequence[Sequence[dict[str, str]]], tokens: int
) -> list[Asked]:
    """Ask llama.cpp, with both GGUF files, for so many tokens on each prompt's messages."""
    with LlamaCpp(base, adapter) as server:
        key = {"Authorization": f"Bearer {server.api_key}"}
        with httpx.Client(base_url=server.url, headers=key, timeout=600, trust_env=False) as client:
            return [_asked(client, prompt, tokens) for prompt in prompts]


def _asked(client: httpx.Client, prompt: Sequence[dict[str, str]], tokens: int) -> Asked:
    text = _posted(client, "/apply-template", {"messages": list(prompt)})["prompt"]
    ids = _posted(client, "/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"]
    question = {
        "prompt": ids,
        "n_predict": tokens,
        "temperature": 0,
        "n_probs": _LIKELIEST,
        "cache_prompt": False,
        "grammar": _WHOLE_CHARACTERS,
    }
    places = _posted(client, "/completion", question).get("completion_probabilities", ())
    return Asked(
        tuple(ids),
        tuple(place["id"] for place in places),
        tuple({top["id"]: top["logprob"] for top in place["top_logprobs"]} for place in places),
    )


def _posted(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    if answer.is_error:
        raise DependencyMissing(f"llama.cpp refuses {path} ({answer.status_code}): xllamacpp may be too old")
    return answer.json()


def compared(asked: Sequence[Asked], prompts: Sequence[Sequence[int]], base: str, folder: Path) -> Parity:
    """The same answers' log probabilities by transformers, from our own tokens of the prompts, beside llama.cpp's."""
    needs("torch", "transformers", "peft")
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, str(folder)).eval()
    apart: list[float] = []
    others = 0
    for one, prompt in zip(asked, prompts, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *one.answer]])).logits[0, len(prompt) - 1 : -1]
        ours = torch.log_softmax(logits.float(), -1)
        for place, theirs in enumerate(one.logprobs):
            apart += [abs(float(ours[place, token]) - logprob) for token, logprob in theirs.items()]
            others += int(ours[place].argmax()) != max(theirs, key=theirs.__getitem__)
    places = sum(len(one.logprobs) for one in asked)
    differ = sum(one.rendered != tuple(prompt) for one, prompt in zip(asked, prompts, strict=True))
    return Parity(places, sum(apart) / len(apart), max(apart), others / places, differ)
