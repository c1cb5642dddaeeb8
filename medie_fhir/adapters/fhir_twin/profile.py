"""What a twin can do and what it refuses: servers differ, and a client must be tried on those that can little."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The abilities of a twin; all of them by default. Its CapabilityStatement says the same.

    ``update_as_create``: a PUT of what is not there creates it. ``client_ids``: an id may stand in the body of what a
    conditional update creates. ``conditional_create``: If-None-Exist is heeded, and not overlooked. ``if_match``: so is
    If-Match. ``versions``: versions are numbered, and earlier ones can be read. ``extensions``: they are kept, and not
    dropped in silence. ``provenance_entity``: Provenances are found by what they were made from.
    """

    update_as_create: bool = True
    client_ids: bool = True
    conditional_create: bool = True
    conditional_update: bool = True
    transaction: bool = True
    batch: bool = True
    if_match: bool = True
    versions: bool = True
    extensions: bool = True
    provenance_entity: bool = True
