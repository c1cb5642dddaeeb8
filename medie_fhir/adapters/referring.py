"""A FHIR server whose transactions may refer only to what it holds: for a trial, in which no server is there to refuse.

HAPI refuses a reference to what is not there (HAPI-1094), and a trial that sends nothing would never meet that. Looked
at are literal references (``Type/id``) outside of extensions and contained resources, as far as a server looks;
patients and encounters have been looked for before (see :mod:`medie_fhir.subjects`). A server without referential
integrity would take the Bundle in, with a reference that leads nowhere.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from medie_fhir.adapters.passing import Passing
from medie_fhir.errors import FhirError, FhirRejected, Policy
from medie_fhir.fhir_names import RESOURCE_TYPES, is_id
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer

__all__ = ["Referring"]

_ASIDE = frozenset({"extension", "modifierExtension", "contained"})
_LOOKED_AT = RESOURCE_TYPES - {"Patient", "Encounter"}
_INSTITUTIONS = frozenset({"Organization", "Location", "HealthcareService"})
"""Types whose id is told in a message; that of any other may be a person's."""


class Referring(Passing):
    """A FhirServer (see ports). Of ``most`` places it remembers whether they are there, and asks for each once.

    What it has been sent counts as there.
    """

    def __init__(self, server: FhirServer, *, most: int = 10_000) -> None:
        super().__init__(server)
        self._known: OrderedDict[str, bool] = OrderedDict()
        self._most, self._one = most, asyncio.Lock()

    async def transact(self, bundle: Json) -> Json:
        """Raises FhirRejected where the Bundle refers to what neither it nor the server holds."""
        resources = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
        own = {f"{r.get('resourceType')}/{r.get('id')}" for r in resources}
        wanted = dict.fromkeys(place for r in resources for place in _references(r) if place not in own)
        missing = [place for place in wanted if not await self._holds(place)]
        if missing:
            named = sorted({p if (kind := p.partition("/")[0]) in _INSTITUTIONS else kind for p in missing})
            raise FhirRejected(
                f"would be refused, missing {', '.join(named)}: load what is missing into this server first, or mend"
                " the mapping if it is fixed there"
            )
        answer = await self._server.transact(bundle)
        for place in own:
            self._learn(place, there=True)
        return answer

    async def _holds(self, place: str) -> bool:
        if place not in self._known:
            async with self._one:  # of many that ask at once the first asks the server
                if place not in self._known:
                    self._learn(place, there=await self._asked(place))
        self._known.move_to_end(place)
        return self._known[place]

    async def _asked(self, place: str) -> bool:
        try:
            return await self._server.read(*place.split("/")) is not None
        except FhirError as error:
            if error.policy is Policy.RETRY:
                raise
            return True  # it may not be read, and writing wouldn't read it: nothing can be told

    def _learn(self, place: str, *, there: bool) -> None:
        self._known[place] = there
        self._known.move_to_end(place)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _references(value: Any) -> Iterator[str]:
    """The literal references, without their versions, to resources that may be on this server."""
    if isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str):
            kind, _, own = text.partition("/_history/")[0].partition("/")
            if kind in _LOOKED_AT and is_id(own):
                yield f"{kind}/{own}"
        for name, child in value.items():
            if name not in _ASIDE:
                yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)
