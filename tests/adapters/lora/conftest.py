"""Object storage as S3's own client meets it: over HTTP, signed, a page at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

KEY_ID = "AKIDMEDIE"


class Bucket(ThreadingHTTPServer):
    """A server of one bucket, ``bucket``, that lists one key a page (Amazon S3 API: ListObjectsV2, GetObject)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}

    def listed(self, prefix: str, after: str) -> str:
        """A page of the keys under the prefix, and where the next one begins."""
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        contents = "".join(f"<Contents><Key>{escape(quote(key))}</Key></Contents>" for key in keys[:1])
        more = f"<NextContinuationToken>{escape(keys[0])}</NextContinuationToken>" if keys[1:] else ""
        return (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{contents}{more}</ListBucketResult>"
        )


class Handler(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        _, bucket, *key = unquote(asked.path).split("/", 2)
        name = "".join(key)
        if f"Credential={KEY_ID}/" not in self.headers.get("Authorization", ""):
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif bucket != "bucket":
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif query.get("list-type") == "2":
            page = self.server.listed(query.get("prefix", ""), query.get("continuation-token", ""))
            self._answer(200, page.encode())
        else:
            found = self.server.objects.get(name)
            self._answer(404 if found is None else 200, found or b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """A bucket, empty, and AWS's own variables that lead there."""
    monkeypatch.setenv("MEDIE_HOME", str(tmp_path / "home"))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with Bucket() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
