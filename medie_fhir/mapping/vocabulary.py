"""What expressions may ask for: the members of every variable, as far as they are a closed set.

A misspelt member gives nothing in FHIRPath, and its element would be missing from every resource without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from medie_fhir.model import Coding, DocumentInfo, DocumentVersion, Evidence, Fact

__all__ = ["ANY", "ATTRIBUTES", "ROLES", "VARIABLES", "Members"]

Members = Mapping[str, "Members | None"]
"""The members of a value, each with its own; ANY where nobody can tell."""

ANY: Final = None

ROLES: Final = frozenset(
    """
    body_site broader category code fish gene ihc ingredient laterality m m_observation method n n_observation
    observation quantity ratio t t_observation value
    """.split()  # noqa: SIM905 - a word list reads best as words
)
"""The roles that a concept's codings have (docs/terminology.md)."""

ATTRIBUTES: Final = frozenset(
    """
    basis behaviour broader codon exon hgvs_c hgvs_p kind legacy m marker modifiers n origin parts presence quantity
    result result_code suffix t
    """.split()  # noqa: SIM905 - a word list reads best as words
)
"""The attributes that a concept has (docs/terminology.md)."""


def _leaves(names: Iterable[str]) -> Members:
    return dict.fromkeys(names, _LEAF)


_LEAF: Members = {}
_CODING = _leaves((*Coding.model_fields, "version", "userSelected"))
_CODEABLE: Members = {"coding": _CODING, "text": _LEAF}
_IDENTIFIER: Members = {**_leaves(("use", "system", "value")), "type": _CODEABLE, "period": ANY, "assigner": ANY}
_REFERENCE: Members = {**_leaves(("reference", "type", "display")), "identifier": _IDENTIFIER}
_QUANTITY = _leaves(("value", "comparator", "unit", "system", "code"))

VARIABLES: Final[Members] = {
    "fact": {**_leaves(Fact.model_fields), "evidence": _leaves(Evidence.model_fields)},
    "concept": {
        "key": _LEAF,
        "match": _LEAF,
        "codings": dict.fromkeys(sorted(ROLES), _CODING),
        "attributes": {**_leaves(sorted(ATTRIBUTES)), "quantity": _QUANTITY},
    },
    "document": {
        **_leaves(DocumentInfo.model_fields),
        "version": _leaves(DocumentVersion.model_fields),
        "type": _CODEABLE,
        "category": _CODEABLE,
        "period": _leaves(("start", "end")),
        "subject": _REFERENCE,
        "encounter": _REFERENCE,
        "author": _REFERENCE,
        "identifier": _IDENTIFIER,
    },
    "subject": _REFERENCE,
    "effective": _LEAF,
    "recorded": _LEAF,
    "source": _REFERENCE,
    "primary": _REFERENCE,
}
"""What every template knows. See ``MappingFile`` for their meaning."""
