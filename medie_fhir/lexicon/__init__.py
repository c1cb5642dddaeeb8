"""The lexical reader: what terminology tables and grammars see in a note. See :mod:`medie_fhir.lexicon.read`."""

from medie_fhir.lexicon.aside import Aside, Asides
from medie_fhir.lexicon.file import Lexicon, load_lexicon
from medie_fhir.lexicon.read import READER, read_lexically
from medie_fhir.lexicon.vocabulary import Vocabulary, Wording

__all__ = ["READER", "Aside", "Asides", "Lexicon", "Vocabulary", "Wording", "load_lexicon", "read_lexically"]
