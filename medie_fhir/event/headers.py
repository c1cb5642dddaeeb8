"""The headers of a Kafka record, as far as an event is told by them: names without regard to case, values as UTF-8."""

from __future__ import annotations

from medie_fhir.errors import UnknownEventShape

__all__ = ["Headers", "text"]

Headers = tuple[tuple[str, bytes | None], ...]
"""In the record's order; a name may come more than once."""


def text(headers: Headers, name: str, *, required: bool = False) -> str | None:
    """The value of a header, or None where it is not there, has no value, or is not UTF-8.

    Raises UnknownEventShape for one that comes with two different values, since which of them holds is not known, and
    for a required one that is not there or not UTF-8.
    """
    values = {value for each, value in headers if each.lower() == name and value}
    if len(values) > 1:
        raise UnknownEventShape(f"the header {name} comes with different values")
    if not values and required:
        raise UnknownEventShape(f"the header {name} is missing or empty")
    try:
        return values.pop().decode() if values else None
    except UnicodeDecodeError:
        if required:
            raise UnknownEventShape(f"the header {name} is not UTF-8") from None
        return None
