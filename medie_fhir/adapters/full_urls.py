"""Where each resource of a Bundle stands once it is written. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from medie_fhir.model import Json

__all__ = ["with_full_urls"]

_PLACE = re.compile(r"[A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


def with_full_urls(bundle: Json, base_url: str) -> Json:
    """The Bundle with a ``fullUrl`` in each entry that puts a resource under an id and has none yet.

    FHIR R4 asks for one in every entry but those that POST (Bundle.entry.fullUrl), and resolves a relative reference
    within a Bundle against that of its own entry (§2.36.4.1): without it, ``Condition/1`` means nothing there.
    ``base_url``: of the server that it goes to; a name and password in it are left out.
    """
    if not bundle.get("entry"):
        return bundle
    parts = urlsplit(base_url)
    base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    return {**bundle, "entry": [_with_full_url(entry, base) for entry in bundle["entry"]]}


def _with_full_url(entry: Json, base: str) -> Json:
    request = entry.get("request", {})
    url = request.get("url", "")
    if "fullUrl" in entry or request.get("method") != "PUT" or not _PLACE.fullmatch(url):
        return entry
    return {"fullUrl": f"{base}/{url}", **entry}
