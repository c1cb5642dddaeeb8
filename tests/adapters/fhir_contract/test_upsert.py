"""What is written is read again; what is written again makes no version."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.model import Json


def inside_out(value: Any) -> Any:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: inside_out(value[name]) for name in reversed(value)}
    return [inside_out(item) for item in value] if isinstance(value, list) else value


async def test_it_says_that_it_speaks_r4(target: Any) -> None:
    statement = await target.server.capabilities()

    assert statement["fhirVersion"] == "4.0.1"
    assert statement["rest"][0]["mode"] == "server"


async def test_a_transaction_creates_what_refers_forward_and_back(target: Any) -> None:
    response = await target.server.transact(target.puts(target.six()))

    assert target.outcomes(response) == [("201", "1")] * 6
    for resource in target.six():
        assert target.without_meta(await target.server.read(resource["resourceType"], resource["id"])) == resource


async def test_the_same_transaction_again_makes_no_new_version(target: Any) -> None:
    await target.server.transact(target.puts(target.six()))
    turned = [dict(reversed(resource.items())) for resource in reversed(target.six())]

    response = await target.server.transact(target.puts(turned))

    assert target.outcomes(response) == [("200", "1")] * 6
    assert len(await target.server.history("Condition", target.id("c"))) == 1


async def test_one_changed_resource_is_the_only_one_with_a_new_version(target: Any) -> None:
    first = target.six()
    await target.server.transact(target.puts(first))
    first[1]["code"]["text"] = "changed"

    response = await target.server.transact(target.puts(first))

    assert [version for _, version in target.outcomes(response)] == ["1", "2", "1", "1", "1", "1"]
    history = await target.server.history("Condition", target.id("c"))
    assert [version["meta"]["versionId"] for version in history] == ["2", "1"]
    assert "text" not in history[1]["code"]


async def test_what_was_never_written_is_absent(target: Any) -> None:
    assert await target.server.read("Patient", target.id("nobody")) is None
    assert await target.server.history("Patient", target.id("nobody")) == []
    assert await target.server.search("Patient", {"_id": target.id("nobody")}) == []


async def test_tags_and_labels_add_up_and_profiles_are_replaced(target: Any) -> None:
    label = {"system": "urn:label", "code": "AIAST"}
    first, second = {"system": "urn:tag", "code": "a"}, {"system": "urn:tag", "code": "b"}
    await target.server.transact(
        target.puts([target.patient(meta={"tag": [first], "security": [label], "profile": ["urn:profile:1"]})])
    )

    await target.server.transact(target.puts([target.patient(meta={"tag": [second], "profile": ["urn:profile:2"]})]))

    meta = (await target.server.read("Patient", target.id("p")) or {})["meta"]
    assert sorted(tag["code"] for tag in meta["tag"]) == ["a", "b"]
    assert meta["security"] == [label]
    assert meta["profile"] == ["urn:profile:2"]
    assert meta["versionId"] == "2"
    by_tag = {"_tag": "urn:tag|a", "_security": "AIAST", "_id": target.id("p")}
    assert len(await target.server.search("Patient", by_tag)) == 1


@pytest.mark.parametrize(
    ("meta", "versions"),
    [
        ({"tag": [{"system": "urn:tag", "code": "a"}], "profile": ["urn:p:1", "urn:p:2"]}, 1),
        ({"profile": ["urn:p:2", "urn:p:1"]}, 1),
        ({"profile": ["urn:p:1", "urn:p:2"], "source": "urn:elsewhere"}, 1),
        ({"profile": ["urn:p:1", "urn:p:2"], "versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"}, 1),
        ({"profile": ["urn:p:1", "urn:p:2"], "security": [{"system": "urn:label", "code": "x"}]}, 2),
        ({"profile": ["urn:p:1"]}, 2),
        ({}, 2),
    ],
)
async def test_which_changes_of_meta_make_a_version(target: Any, meta: Json, versions: int) -> None:
    before = {"tag": [{"system": "urn:tag", "code": "a"}], "profile": ["urn:p:1", "urn:p:2"]}
    await target.server.transact(target.puts([target.patient(meta=before)]))

    await target.server.transact(target.puts([target.patient(meta=meta)]))

    assert len(await target.server.history("Patient", target.id("p"))) == versions


async def test_the_source_gets_the_number_of_its_request(target: Any) -> None:
    await target.server.transact(target.puts([target.patient(meta={"source": "urn:document:1#mine"})]))

    source, _, fragment = (await target.server.read("Patient", target.id("p")) or {})["meta"]["source"].partition("#")
    assert source == "urn:document:1"
    assert fragment
    assert fragment != "mine"


async def test_empty_elements_are_dropped(target: Any) -> None:
    await target.server.transact(target.puts([target.patient(name=[], gender="", birthDate=None)]))

    assert set(target.without_meta(await target.server.read("Patient", target.id("p")))) == {
        "resourceType",
        "id",
        "identifier",
    }


async def test_any_text_survives_the_way(target: Any) -> None:
    text = 'Größe ≥ 3 cm \u2028 \U0001f9ec "quoted" \\ back'
    await target.server.transact(target.puts([target.patient(address=[{"text": text}])]))

    written = await target.server.read("Patient", target.id("p"))

    assert written is not None
    assert written["address"] == [{"text": text}]


async def test_an_empty_transaction_is_answered(target: Any) -> None:
    response = await target.server.transact(target.transaction())

    assert response["type"] == "transaction-response"


async def test_the_order_of_keys_makes_no_version_however_deep(target: Any) -> None:
    named = target.patient(
        name=[{"family": "A", "given": ["B", "C"]}], contact=[{"name": {"text": "D"}, "gender": "male"}]
    )
    await target.server.transact(target.puts([named]))

    response = await target.server.transact(target.puts([inside_out(named)]))

    assert target.outcomes(response) == [("200", "1")]


async def test_as_many_bundles_as_we_ever_post_at_once_are_all_answered(target: Any) -> None:
    born = [target.puts([target.patient(f"p{n}")]) for n in range(64)]

    came = await target.racing(born)

    assert target.winners(came, "201") == 64
