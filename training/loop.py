"""The training itself: steps, validation, early stopping; killed at any point it goes on from its last checkpoint.

What a step learns from, its rate and its chance (dropout) depend on the recipe and the step's number alone. So a
training that was broken off ends with the very weights of one that was not (tested, on the CPU).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medie_fhir.errors import SettingsError
from training import checkpoint as kept
from training.checkpoint import Checkpoint
from training.examples import Example, batches
from training.journal import Journal
from training.recipe import Plan

__all__ = ["learning_rate", "steps_of", "train"]

_NOT_LEARNED = -100


def steps_of(rows: int, plan: Plan) -> int:
    """How many steps a plan makes of so many rows."""
    return max(1, math.ceil(plan.epochs * math.ceil(rows / (plan.batch * plan.accumulate))))


def learning_rate(step: int, total: int, plan: Plan) -> float:
    """The rate of a step, the first of which is 0: a linear rise, then a cosine's fall to the floor."""
    if step < plan.warmup:
        return plan.learning_rate * (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, total - plan.warmup)
    return plan.learning_rate * (plan.floor + (1 - plan.floor) * (1 + math.cos(math.pi * done)) / 2)


def train(
    model: Any,
    rows: Sequence[Example],
    held: Sequence[Example],
    *,
    plan: Plan,
    folder: Path,
    tell: Callable[[str], None],
) -> Checkpoint:
    """Train, from the folder's checkpoint where there is one, and leave the best adapter in the model.

    Writes ``checkpoint.pt`` and ``journal.jsonl``. Gives the state at the end. Raises SettingsError where the loss is
    no number any more.
    """
    import torch

    total = steps_of(len(rows), plan)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=plan.learning_rate, betas=plan.betas, weight_decay=plan.weight_decay)
    file = folder / "checkpoint.pt"
    state = kept.load(file) or Checkpoint()
    if state.adapter:
        kept.restore(model, state.adapter)
        optimizer.load_state_dict(state.optimizer)
    journal = Journal(folder / "journal.jsonl", state.step, total, tell)
    while state.step < total and state.waited < plan.patience:
        began = time.monotonic()
        torch.manual_seed(plan.seed * 1_000_003 + state.step)
        rate = learning_rate(state.step, total, plan)
        loss, tokens = _step(model, optimizer, _rows_of(rows, plan, state.step), rate, plan)
        state.step += 1
        state.seconds += time.monotonic() - began
        journal.write({"step": state.step, "loss": loss, "rate": rate, "tokens": tokens, "seconds": state.seconds})
        judged = state.step % plan.evaluate_every == 0 or state.step == total
        if judged:
            _judge(model, held[: plan.evaluate_rows], plan, state, journal)
        if judged or state.step % plan.save_every == 0:
            state.adapter, state.optimizer = kept.weights(model), optimizer.state_dict()
            kept.save(state, file)
    kept.restore(model, state.best)
    return state


def _rows_of(rows: Sequence[Example], plan: Plan, step: int) -> list[Example]:
    size = plan.batch * plan.accumulate
    epoch, place = divmod(step, math.ceil(len(rows) / size))
    return [rows[i] for i in batches([len(row.tokens) for row in rows], size, plan.seed, epoch)[place]]


def _step(model: Any, optimizer: Any, rows: list[Example], rate: float, plan: Plan) -> tuple[float, int]:
    """Learn from rows. Gives the mean loss of their answers' tokens, and how many tokens were read in all."""
    import torch

    model.train()
    answered = sum(len(row.tokens) - row.answer_from for row in rows)
    whole = 0.0
    for start in range(0, len(rows), plan.batch):
        loss = _loss(model, rows[start : start + plan.batch]) / answered
        loss.backward()
        whole += float(loss.detach())
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], plan.clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    _finite(whole)
    return whole, sum(len(row.tokens) for row in rows)


def _judge(model: Any, held: Sequence[Example], plan: Plan, state: Checkpoint, journal: Journal) -> None:
    """Take the validation loss, and keep the adapter if it is the best so far."""
    import torch

    began = time.monotonic()
    model.eval()
    with torch.no_grad():
        parts = [float(_loss(model, held[i : i + plan.batch])) for i in range(0, len(held), plan.batch)]
    loss = sum(parts) / sum(len(row.tokens) - row.answer_from for row in held)
    _finite(loss)
    state.seconds += time.monotonic() - began
    journal.write({"step": state.step, "validation": loss, "seconds": state.seconds})
    if loss < state.best_loss:
        state.best_loss, state.best_step, state.waited, state.best = loss, state.step, 0, kept.weights(model)
    else:
        state.waited += 1


def _finite(loss: float) -> None:
    """Refuse to go on from weights that are lost; what the last checkpoint holds is not."""
    if not math.isfinite(loss):
        raise SettingsError("the loss is no number any more: lower plan.learning_rate, and begin in another folder")


def _loss(model: Any, rows: Sequence[Example]) -> Any:
    """The summed loss of the answers' tokens. The wide last layer is worked out for them alone: it costs most."""
    import torch

    longest = max(len(row.tokens) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), _NOT_LEARNED)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        there = len(row.tokens)
        ids[i, :there] = torch.tensor(row.tokens)
        labels[i, row.answer_from : there] = torch.tensor(row.tokens[row.answer_from :])
        mask[i, :there] = 1
    causal = model.get_base_model()
    place = next(model.parameters()).device
    hidden = causal.model(input_ids=ids.to(place), attention_mask=mask.to(place), use_cache=False).last_hidden_state
    wanted = labels[:, 1:].to(place)
    learned = wanted != _NOT_LEARNED
    logits = causal.lm_head(hidden[:, :-1][learned])
    return torch.nn.functional.cross_entropy(logits.float(), wanted[learned], reduction="sum")
