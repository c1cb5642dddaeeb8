"""Training: notes with their answers → a LoRA adapter for the messages that medie-fhir serves. See docs/training.md.

The way: :mod:`.rows` reads pairs, :mod:`.prepare` mixes them with what :mod:`.augment` makes of them,
:mod:`.examples` puts them into the serving prompt, :mod:`.loop` trains (:mod:`.checkpoint` keeps, :mod:`.journal`
tells), :mod:`.export` writes PEFT and GGUF, :mod:`.parity` compares the two, :mod:`.card` says what was done.
:mod:`.recipe` holds all numbers.

It is run from a checkout (``python -m training``) and is no part of the wheel: a consumer never trains.
"""
