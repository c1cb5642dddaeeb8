"""What every login is to httpx and to ``doctor``; and those that need no token server: basic and bearer."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, Generator
from http import HTTPStatus
from pathlib import Path

import httpx
from pydantic import SecretStr

from medie_fhir.errors import SettingsError

__all__ = ["Basic", "Bearer", "Login", "RotatingBearer", "fit_token", "leave_unread", "prove"]

_TOKEN = re.compile(r"[\x21-\x7e]+")


class Login(httpx.Auth):
    """A login for httpx's asynchronous client. It never shows its secrets."""

    @abstractmethod
    async def prove(self) -> str:
        """Who we are, in one line, after all was tried that can be tried without the FHIR server."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refused: httpx's own would send the request without the login."""
        raise NotImplementedError("a FHIR login is for httpx.AsyncClient")


async def prove(auth: httpx.Auth | None) -> str:
    """One line for ``doctor``: the kind of login, as whom, and what a token server grants. Raises as a request does."""
    return await auth.prove() if isinstance(auth, Login) else "no login"


def fit_token(text: str) -> SecretStr | None:
    """A token as a header can carry it; None for what is none: httpx would quote it in its error."""
    return SecretStr(text) if _TOKEN.fullmatch(text) else None


def leave_unread(refusal: httpx.Response) -> None:
    """Before a request is sent again: httpx would first read the whole refusal, however long it is."""
    refusal.stream = _Unread(refusal.stream)


class _Unread(httpx.ByteStream):
    """Nothing, in place of a body; when it is closed, so is the connection on which the body would come."""

    def __init__(self, body: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        super().__init__(b"")
        self._body = body

    async def aclose(self) -> None:
        if isinstance(self._body, httpx.AsyncByteStream):
            await self._body.aclose()


class Basic(Login):
    """User and password with each request (RFC 7617)."""

    def __init__(self, username: str, password: SecretStr) -> None:
        self._username = username
        self._basic = httpx.BasicAuth(username, password.get_secret_value())

    async def prove(self) -> str:
        """See :class:`Login`."""
        return f"basic as {self._username}"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request, with its header."""
        yield next(self._basic.auth_flow(request))


class Bearer(Login):
    """One token with each request (RFC 6750)."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    async def prove(self) -> str:
        """See :class:`Login`."""
        return "bearer, with a token that stays"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request, with its header."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


class RotatingBearer(Login):
    """The token of a file that something else renews: it is read again when the file changes, and after a 401.

    Raises SettingsError where the file holds no token at the start. Later, while the file is away or empty (it is
    being written), the last token goes on.
    """

    def __init__(self, file: Path, setting: str) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._token = SecretStr("")
        if not self._read():
            raise SettingsError(f"{setting}: {file}: holds no token that can be read")

    async def prove(self) -> str:
        """See :class:`Login`."""
        return f"bearer, with the token of {self._file}"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request, with the file's token; once again where it is refused and the file has another by now."""
        self._read_if_changed()
        sent = self._token.get_secret_value()
        request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        # A file that is written twice within its clock's tick looks unchanged: after a refusal, look inside.
        if response.status_code == HTTPStatus.UNAUTHORIZED and self._read() and self._token.get_secret_value() != sent:
            leave_unread(response)
            request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
            yield request

    def _read_if_changed(self) -> None:
        try:
            if _marks(self._file.stat()) == self._seen:
                return
        except OSError:
            return
        self._read()

    def _read(self) -> bool:
        """Whether the file holds a token, which is then ours."""
        try:
            seen = _marks(self._file.stat())
            token = fit_token(self._file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            return False
        if token is None:
            return False
        self._seen, self._token = seen, token
        return True


def _marks(file: os.stat_result) -> tuple[int, int, int]:
    """What differs once a file was written or replaced."""
    return file.st_ino, file.st_mtime_ns, file.st_size
