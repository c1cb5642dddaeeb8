"""An event that is no more than a reference: the DocumentReference behind it is read, and says what happened."""

from __future__ import annotations

import json
from collections.abc import Callable

from medie_fhir.errors import ContentNotFound, DocumentError, EventError
from medie_fhir.model import EventKind, NoteEvent
from medie_fhir.ports import FhirServer

__all__ = ["dereferenced"]

Parse = Callable[[bytes], tuple[NoteEvent | EventError, ...]]


async def dereferenced(
    event: NoteEvent | EventError, source: FhirServer, parse: Parse, *, alone: bool
) -> tuple[NoteEvent | EventError | DocumentError, ...]:
    """What the document behind a bare reference says; any other event as it is.

    ``parse`` reads a DocumentReference as an event's value. ``alone``: the event is all that its record holds, and then
    a document that can't be had is raised, as EventError or DocumentError; else it is an error in the event's place.
    Raises FhirError.
    """
    if isinstance(event, EventError) or event.kind is not EventKind.REFERENCE:
        return (event,)
    try:
        events = parse(await _fetched(event.document.reference, source))
        if any(isinstance(e, NoteEvent) and e.kind is EventKind.REFERENCE for e in events):
            raise ContentNotFound("the reference leads to another reference, and not to a DocumentReference")
    except (EventError, DocumentError) as error:
        if alone:
            raise
        return (error,)
    return events


async def _fetched(reference: str, source: FhirServer) -> bytes:
    """The DocumentReference: from the source server, or from an allowed host."""
    resource_type, _, resource_id = reference.partition("/")
    if resource_type != "DocumentReference":
        return (await source.content(reference)).data
    resource = await source.read(resource_type, resource_id)
    if resource is None:
        raise ContentNotFound("the source server has no such DocumentReference (any more)")
    return json.dumps(resource).encode()
