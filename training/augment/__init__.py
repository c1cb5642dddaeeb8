"""Augmentation: rows made from rows, or from phrases, by a seeded ``Random`` alone.

=================== ==============================================================================================
:mod:`.negatives`   notes that say nothing of a malignancy, or only of somebody else's, or only deny it: all null
:mod:`.composed`    long notes: several rows, whole, with sentences about other things between them
:mod:`.distracted`  a row with a value that is the family's, denied or only planned; the answer stays as it was
:mod:`.paraphrased` a row with a value in other words, in the note and in the answer alike
=================== ==============================================================================================
"""

from training.augment.composed import composed
from training.augment.distracted import distracted
from training.augment.negatives import negative, negatives_of_text
from training.augment.paraphrased import aligned, paraphrased
from training.augment.phrases import Phrases, load_phrases

__all__ = [
    "Phrases",
    "aligned",
    "composed",
    "distracted",
    "load_phrases",
    "negative",
    "negatives_of_text",
    "paraphrased",
]
