"""The request for one piece of a note: the messages of the adapter's training, and the answer's JSON Schema."""

from __future__ import annotations

from medie_fhir.extraction.task import NOTE, Task
from medie_fhir.model import Json
from medie_fhir.ports import ModelRequest

__all__ = ["answer_schema", "request"]


def request(task: Task, text: str) -> ModelRequest:
    """What to ask the model about a text, in the very words of its training.

    Servers read ``<|im_end|>`` and its like anywhere in a message as the end of it. No clinician writes them, so where
    they stand in a note they are taken apart: a note must not be able to speak for the system.
    """
    text = text.replace("<|", "< |")
    messages = [{"role": m.role, "content": m.content.replace(NOTE, text)} for m in task.messages]
    return ModelRequest(messages, answer_schema(task), task.max_tokens)


def answer_schema(task: Task) -> Json:
    """The JSON Schema of an answer: every field, in order, a string of its length or null, and nothing else."""
    return {
        "type": "object",
        "properties": {
            name: {"anyOf": [{"type": "string", "maxLength": rule.max_length}, {"type": "null"}]}
            for name, rule in task.fields.items()
        },
        "required": list(task.fields),
        "additionalProperties": False,
    }
