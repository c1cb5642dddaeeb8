"""What comes from a server that gives ids of its own: resources with our ids, and references by our ids."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.holdings import Holdings
from medie_fhir.model import Json

__all__ = ["Incoming", "place_in"]

_PLACE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")
# At the end alone: a base URL may hold what looks like a place, such as /FHIR/R4.
_IN_URL = re.compile(rf"(?:^|/){_PLACE.pattern}$")
# Read by others' ids in every resource, and hardly ever ours: not worth a question each, nor the right to ask it.
_SELDOM_OURS = frozenset(
    "CareTeam Encounter Group Location Organization Patient Practitioner PractitionerRole RelatedPerson".split()  # noqa: SIM905 - reads best as words
)


class Incoming:
    """Translates what was read; a reference that doesn't say whose it is (see ``marks.mention``) is asked for."""

    def __init__(self, held: Holdings) -> None:
        self._held = held

    async def translated(self, resources: Sequence[Json]) -> list[Json]:
        """The resources with our ids, and with references by our ids."""
        for resource in resources:
            self._held.learn(resource)
        await self._learn_all({r["reference"] for r in marks.literals(list(resources)) if not marks.mentioned(r)})
        return [self._ours(resource) for resource in resources]

    def _ours(self, resource: Json) -> Json:
        id_, bare = marks.told(resource)
        translated: Json = marks.references(bare, self._back)
        return translated if id_ is None else {**translated, "id": id_}

    def _back(self, reference: Json) -> Json:
        literal, id_ = reference["reference"], marks.mentioned(reference)
        ours = self._held.known.ours(literal.partition("/_history/")[0])
        rest = {name: value for name, value in reference.items() if name != "identifier"} if id_ else reference
        kind, _, _ = (place_in(literal) or "").partition("/")
        if id_ is not None and kind and not self._leads_elsewhere(literal, f"{kind}/{id_}"):
            ours = f"{kind}/{id_}"
        return rest if ours is None else {**rest, "reference": ours}

    def _leads_elsewhere(self, literal: str, ours: str) -> bool:
        """Whether someone has changed a reference's literal, and left the identifier beside it."""
        theirs = self._held.known.theirs(ours)
        return theirs is not None and "://" not in literal and literal.partition("/_history/")[0] != theirs

    async def _learn_all(self, literals: Iterable[str]) -> None:
        """Ask the server whether the places that it refers to are ours."""
        bare = (literal.partition("/_history/")[0] for literal in literals)
        asked = [literal for literal in dict.fromkeys(bare) if self._is_worth_asking(literal)]

        async def one(literal: str) -> None:
            found = await self._held.read(literal)
            if found is not None:
                self._held.learn(found)

        await asyncio.gather(*map(one, asked))

    def _is_worth_asking(self, literal: str) -> bool:
        found = _PLACE.fullmatch(literal)
        return found is not None and found[1] not in _SELDOM_OURS and not self._held.known.knows(literal)


def place_in(url: str) -> str | None:
    """``Type/id`` at the end of a reference or a URL, without its version."""
    found = _IN_URL.search(url)
    return f"{found[1]}/{found[2]}" if found else None
