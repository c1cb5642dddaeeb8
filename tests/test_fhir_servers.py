"""What the settings name is what runs: servers, logins, strategies, folders, a topic. More: adapters/fhir_auth."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from consumers.bundle_topic import BundleTopic
from consumers.memory_broker import MemoryBroker
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.errors import FhirUnavailable, FhirUnfit, SettingsError
from medie_fhir.fhir_servers import allowed_hosts, is_asked, open_source, open_target, proven, strategy_of
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.transaction import BASE, transaction
from medie_fhir.wiring import open_pipeline

DOCUMENT: Json = {
    "resourceType": "DocumentReference",
    "id": "6ba7b810-9dad-51d1-80b4-00c04fd430c8",
    "identifier": [{"system": f"{BASE}/document", "value": "|DocumentReference/d1"}],
    "status": "current",
    "content": [{"attachment": {"contentType": "text/plain"}}],
}
BINARY: Json = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "bm90ZQ=="}
NO_IDS = Profile(update_as_create=False, client_ids=False)


class Served:
    """A twin over HTTP that notes who asks, and can be away."""

    def __init__(self, stack: ExitStack, profile: Profile | None = None) -> None:
        self.away = False
        self.logins: list[str | None] = []
        self.asked: list[str] = []
        self.twin = stack.enter_context(FhirTwin(profile=profile))
        self.base_url = stack.enter_context(FhirTwinServer(self.twin, fault=self._noted)).base_url

    def _noted(self, request: Request) -> Answer | None:
        self.logins.append(request.headers.get("authorization"))
        self.asked.append(f"{request.method} {request.path}".strip())
        return Answer(503) if self.away else None


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:
        yield lambda profile=None: Served(stack, profile)


def named(base_url: str = "http://127.0.0.1:9/fhir", kafka: Json | None = None, **fhir: Any) -> Settings:
    values = {"base_url": base_url, "attempts": 1, **fhir}
    return Settings.model_validate({"fhir": values, "kafka": kafka or {}})


def files(folder: Path, kind: str) -> list[Json]:
    """The JSON of all files, or of each of their lines."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.rglob(f"*.{kind}"))]
    return [json.loads(part) for text in texts for part in (text.splitlines() if kind == "ndjson" else [text])]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_hosts_are_allowed_whatever_their_case() -> None:
    settings = named("http://FHIR.example.org:8080/fhir", allowed_hosts=["Files.example.org"])
    assert allowed_hosts(settings) == {"fhir.example.org:8080", "files.example.org"}


def test_with_a_source_of_its_own_the_target_s_host_holds_no_notes() -> None:
    settings = named("http://target.example/fhir", source_base_url="http://source.example/fhir")
    assert allowed_hosts(settings) == {"source.example"}


async def test_a_token_is_short_for_a_bearer_login(serve: Callable[..., Served]) -> None:
    served = serve()
    settings = named(served.base_url, token="s3ntinel")
    async with open_target(settings) as target:
        await target.transact(transaction([DOCUMENT]))
    assert set(served.logins) == {"Bearer s3ntinel"}
    assert await proven(settings, target=True) == "bearer, with a token that stays"
    assert len(served.twin.current("DocumentReference")) == 1


async def test_the_source_never_gets_the_target_s_credentials_nor_the_target_its(serve: Callable[..., Served]) -> None:
    ours, theirs = serve(), serve()
    await theirs.twin.transact(transaction([BINARY]))
    settings = named(
        ours.base_url,
        auth={"kind": "basic", "username": "ours", "password": "s3cret"},
        source_base_url=theirs.base_url,
        source_token="theirs",
    )
    async with open_target(settings) as target, open_source(settings) as source:
        await target.transact(transaction([DOCUMENT]))
        assert (await source.content("Binary/b")).data == b"note"
        assert await source.read("DocumentReference", DOCUMENT["id"]) is None
    assert set(ours.logins) == {basic("ours", "s3cret")}
    assert set(theirs.logins) == {"Bearer theirs"}
    assert await proven(settings, target=False) == "bearer, with a token that stays"


async def test_a_source_without_a_login_of_its_own_gets_none(serve: Callable[..., Served]) -> None:
    ours, theirs = serve(), serve()
    settings = named(ours.base_url, token="ours", source_base_url=theirs.base_url)
    async with open_source(settings) as source:
        assert await source.read("DocumentReference", "d1") is None
    assert theirs.logins == [None]
    assert await proven(settings, target=False) == "no login"


async def test_without_a_source_the_target_is_the_source_with_its_login(serve: Callable[..., Served]) -> None:
    served = serve()
    async with open_source(named(served.base_url, token="ours")) as source:
        assert await source.read("DocumentReference", "d1") is None
    assert served.logins == ["Bearer ours"]


async def test_a_target_that_is_away_at_the_start_is_asked_what_it_can_when_it_is_back(
    serve: Callable[..., Served],
) -> None:
    served = serve(NO_IDS)
    served.away = True
    async with open_target(named(served.base_url)) as target:
        assert served.asked == []  # nobody is asked before there is something to ask
        for _ in range(2):
            with pytest.raises(FhirUnavailable):
                await target.transact(transaction([DOCUMENT]))
        served.away = False
        await target.transact(transaction([DOCUMENT]))
        read = await target.read("DocumentReference", DOCUMENT["id"])
    assert served.asked.count("GET metadata") == 3
    assert read is not None
    (stands,) = served.twin.current("DocumentReference")
    assert (read["id"], stands["id"] == DOCUMENT["id"]) == (DOCUMENT["id"], False)


@pytest.mark.parametrize(
    ("wanted", "words", "asks"),
    [
        ({}, "client ids by update-as-create, one transaction a document", "POST"),
        ({"identity": "search-then-create"}, "a search for each resource", "POST"),
        ({"sending": "batch"}, "batches, put back", "POST"),
        ({"sending": "single"}, "single writes, put back", f"PUT DocumentReference/{DOCUMENT['id']}"),
        (
            {"identity": "conditional-update", "sending": "single"},
            "conditional updates by identifier, single writes",
            "PUT DocumentReference",
        ),
    ],
)
async def test_how_it_is_written_to_is_what_the_settings_say(
    wanted: Json, words: str, asks: str, serve: Callable[..., Served]
) -> None:
    served = serve()
    settings = named(served.base_url, **wanted)
    assert words in await strategy_of(settings)
    async with open_target(settings) as target:
        await target.transact(transaction([DOCUMENT]))
    assert asks in served.asked
    assert len(served.twin.current("DocumentReference")) == 1


async def test_a_server_that_can_t_do_what_the_settings_ask_for_is_unfit_in_one_line(
    serve: Callable[..., Served],
) -> None:
    settings = named(serve(NO_IDS).base_url, identity="client-ids")
    with pytest.raises(FhirUnfit, match=r"set fhir\.identity to auto") as told:
        await strategy_of(settings)
    assert "\n" not in str(told.value)
    async with open_target(settings) as target:
        assert (await target.capabilities())["resourceType"] == "CapabilityStatement"  # what doctor asks still answers
        with pytest.raises(FhirUnfit):
            await target.transact(transaction([DOCUMENT]))


async def test_a_folder_gets_a_file_for_each_transaction(tmp_path: Path) -> None:
    settings = named(bundles=tmp_path)
    assert not is_asked(settings)
    async with open_target(settings) as target:
        await target.transact(transaction([DOCUMENT]))
    assert files(tmp_path, "json") == [transaction([DOCUMENT])]


async def test_a_folder_of_ndjson_is_finished_at_the_end(tmp_path: Path) -> None:
    async with open_target(named(bundles=tmp_path, bundles_format="ndjson")) as target:
        await target.transact(transaction([DOCUMENT]))
    assert [resource["id"] for resource in files(tmp_path, "ndjson")] == [DOCUMENT["id"]]


async def test_a_shadow_remembers_what_a_folder_was_given(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    settings = named(bundles=tmp_path / "out", shadow=tmp_path / "shadow.sqlite")
    for _ in range(2):  # and another process after it
        async with open_target(settings) as target:
            await target.transact(transaction([DOCUMENT]))
            assert await target.read("DocumentReference", DOCUMENT["id"]) is not None
    assert len(files(tmp_path / "out", "json")) == 1


@pytest.mark.parametrize("shadowed", [False, True])
async def test_a_topic_gets_the_transactions_and_is_remembered_by_a_shadow_too(shadowed: bool, tmp_path: Path) -> None:
    broker = MemoryBroker()
    broker.create_topics({"b": 1})
    producer = broker.producer()
    settings = named(kafka={"bundles": "b"}, **({"shadow": tmp_path / "shadow.sqlite"} if shadowed else {}))
    assert not is_asked(settings)
    async with open_target(settings, BundleTopic(producer, "b")) as target:
        await target.transact(transaction([DOCUMENT]))
        assert (await target.read("DocumentReference", DOCUMENT["id"]) is not None) is shadowed
    producer.close()
    assert [json.loads(record.value or b"") for record in broker.read("b")] == [transaction([DOCUMENT])]


async def test_a_command_that_has_no_topic_says_so() -> None:
    with pytest.raises(SettingsError, match="medie-fhir run"):
        async with open_target(named(kafka={"bundles": "b"})):
            raise AssertionError


async def test_extracting_alone_leaves_the_folder_to_the_process_that_writes(tmp_path: Path) -> None:
    settings = named(bundles=tmp_path)
    async with open_target(settings), open_pipeline(settings, with_model=False, with_target=False) as pipeline:
        assert pipeline.fields
    async with open_target(settings):
        with pytest.raises(SettingsError, match="another process writes there"):
            async with open_pipeline(settings, with_model=False):
                raise AssertionError
