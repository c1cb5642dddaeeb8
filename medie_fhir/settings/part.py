"""What the sections of the settings are made of: frozen objects that take no unknown name, URLs that are checked."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

__all__ = ["CollectorUrl", "HttpUrl", "Part"]


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL with http:// or https:// and a host")
    return url


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:  # it is shown, in logs and by doctor
        raise ValueError("must hold no user, password, query or fragment: logins have settings of their own")
    return url


CollectorUrl = Annotated[str, AfterValidator(_http_url)]  # a collector's login has no other place
HttpUrl = Annotated[CollectorUrl, AfterValidator(_without_secrets)]


class Part(BaseModel):
    """A section, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
