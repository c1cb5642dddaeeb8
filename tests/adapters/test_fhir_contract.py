"""What every FHIR server does for us: the twin in its three shapes, and a real one where there is one."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any, Protocol

import pytest

from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.errors import ContentNotFound, FhirConflict, FhirRejected, ForbiddenUrl
from medie_fhir.model import Json

SYSTEM = "urn:medie-fhir:test"


class Target(Protocol):
    server: WritesSingly

    def id(self, name: str) -> str: ...


def entry(
    resource: Json, method: str = "PUT", url: str | None = None, full_url: str | None = None, **request: str
) -> Json:
    place = url if url is not None else f"{resource['resourceType']}/{resource['id']}"
    made: Json = {"resource": resource, "request": {"method": method, "url": place, **request}}
    return made if full_url is None else {"fullUrl": full_url, **made}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def outcomes(response: Json) -> list[tuple[str, str | None]]:
    """Status and version of each entry of a transaction-response."""
    answers = [item["response"] for item in response["entry"]]
    return [(answer["status"][:3], answer.get("etag", "").removeprefix("W/").strip('"') or None) for answer in answers]


def without_meta(resource: Json | None) -> Json:
    assert resource is not None
    return {name: value for name, value in resource.items() if name != "meta"}


def patient(target: Target, key: str = "p", **more: Any) -> Json:
    identity = target.id(key)
    identifier = [{"system": SYSTEM, "value": identity}]
    return {"resourceType": "Patient", "id": identity, "identifier": identifier, **more}


def condition(target: Target, key: str = "c", subject: str | None = None, **more: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": target.id(key),
        "category": [{"coding": [{"system": "urn:category", "code": "problem-list-item"}]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "254637007"}]},
        "subject": {"reference": subject or f"Patient/{target.id('p')}"},
        **more,
    }


def six(target: Target) -> list[Json]:
    """What the library writes for a note: a patient, a document, a device, two facts, and how they came about."""
    loinc = {"coding": [{"system": "http://loinc.org", "code": "21908-9"}], "text": "Stage group"}
    subject = {"reference": f"Patient/{target.id('p')}"}
    document = {"reference": f"DocumentReference/{target.id('d')}"}
    return [
        patient(target),
        condition(target),
        {
            "resourceType": "Observation",
            "id": target.id("o"),
            "status": "preliminary",
            "code": loinc,
            "subject": subject,
            "focus": [{"reference": f"Condition/{target.id('c')}"}],
        },
        {
            "resourceType": "Provenance",
            "id": target.id("v"),
            "recorded": "2026-05-01T10:00:00Z",
            "target": [{"reference": f"Condition/{target.id('c')}"}, {"reference": f"Observation/{target.id('o')}"}],
            "agent": [{"who": {"reference": f"Device/{target.id('s')}"}}],
            "entity": [{"role": "source", "what": document}],
        },
        {"resourceType": "Device", "id": target.id("s"), "deviceName": [{"name": "reader", "type": "model-name"}]},
        {
            "resourceType": "DocumentReference",
            "id": target.id("d"),
            "status": "current",
            "subject": subject,
            "content": [{"attachment": {"contentType": "text/plain", "url": f"Binary/{target.id('b')}"}}],
        },
    ]


def puts(resources: list[Json]) -> Json:
    return transaction(*(entry(resource) for resource in resources))


async def test_it_says_that_it_speaks_r4(target: Target) -> None:
    statement = await target.server.capabilities()

    assert statement["fhirVersion"] == "4.0.1"
    assert statement["rest"][0]["mode"] == "server"


async def test_a_transaction_creates_what_refers_forward_and_back(target: Target) -> None:
    response = await target.server.transact(puts(six(target)))

    assert outcomes(response) == [("201", "1")] * 6
    for resource in six(target):
        assert without_meta(await target.server.read(resource["resourceType"], resource["id"])) == resource


async def test_the_same_transaction_again_makes_no_new_version(target: Target) -> None:
    await target.server.transact(puts(six(target)))
    turned = [dict(reversed(resource.items())) for resource in reversed(six(target))]

    response = await target.server.transact(puts(turned))

    assert outcomes(response) == [("200", "1")] * 6
    assert len(await target.server.history("Condition", target.id("c"))) == 1


async def test_one_changed_resource_is_the_only_one_with_a_new_version(target: Target) -> None:
    first = six(target)
    await target.server.transact(puts(first))
    first[1]["code"]["text"] = "changed"

    response = await target.server.transact(puts(first))

    assert [version for _, version in outcomes(response)] == ["1", "2", "1", "1", "1", "1"]
    history = await target.server.history("Condition", target.id("c"))
    assert [version["meta"]["versionId"] for version in history] == ["2", "1"]
    assert "text" not in history[1]["code"]


async def test_what_was_never_written_is_absent(target: Target) -> None:
    assert await target.server.read("Patient", target.id("nobody")) is None
    assert await target.server.history("Patient", target.id("nobody")) == []
    assert await target.server.search("Patient", {"_id": target.id("nobody")}) == []


@pytest.mark.parametrize(
    ("resource_type", "params"),
    [
        ("Patient", {"_id": "{p}"}),
        ("Patient", {"identifier": SYSTEM + "|{p}"}),
        ("Patient", {"identifier": "{p}"}),
        ("Condition", {"patient": "{p}"}),
        ("Condition", {"patient": "Patient/{p}", "category": "problem-list-item"}),
        ("Condition", {"subject": "Patient/{p}", "code": "http://snomed.info/sct|254637007"}),
        ("Observation", {"patient": "{p}", "status": "final,preliminary"}),
        ("Observation", {"focus": "Condition/{c}"}),
        ("Provenance", {"entity": "DocumentReference/{d}"}),
        ("Provenance", {"target": "Observation/{o}"}),
        ("Provenance", {"agent": "Device/{s}"}),
        ("DocumentReference", {"subject": "Patient/{p}", "status": "current"}),
    ],
)
async def test_a_search_finds_what_was_just_written(target: Target, resource_type: str, params: dict[str, str]) -> None:
    await target.server.transact(puts(six(target)))

    found = await target.server.search(resource_type, {k: v.format(**ids(target)) for k, v in params.items()})

    assert [resource["resourceType"] for resource in found] == [resource_type]


@pytest.mark.parametrize(
    ("resource_type", "params"),
    [
        ("Patient", {"identifier": "urn:another|{p}"}),
        ("Patient", {"identifier": "|{p}"}),
        ("Condition", {"patient": "Observation/{p}"}),
        ("Condition", {"patient": "{p}", "category": "encounter-diagnosis"}),
        ("Observation", {"patient": "{p}", "status": "final"}),
        ("Provenance", {"entity": "DocumentReference/{p}"}),
    ],
)
async def test_a_search_finds_nothing_else(target: Target, resource_type: str, params: dict[str, str]) -> None:
    await target.server.transact(puts(six(target)))

    found = await target.server.search(resource_type, {k: v.format(**ids(target)) for k, v in params.items()})

    assert found == []


def ids(target: Target) -> dict[str, str]:
    return {name: target.id(name) for name in "pcovsd"}


@pytest.mark.parametrize(
    ("sought", "finds"),
    [
        (SYSTEM + r"|\|{p}", 1),
        (SYSTEM + "||{p}", 1),
        (r"\|{p}", 1),
        ("|{p}", 0),
        (r"|\|{p}", 0),
    ],
)
async def test_a_bar_in_a_value_is_found_escaped_or_after_the_first(target: Target, sought: str, finds: int) -> None:
    barred = [{"system": SYSTEM, "value": f"|{target.id('p')}"}]
    await target.server.transact(puts([patient(target) | {"identifier": barred}]))

    assert len(await target.server.search("Patient", {"identifier": sought.format(**ids(target))})) == finds


async def test_a_search_gives_all_pages_in_one_order(target: Target) -> None:
    many = [condition(target, f"c{number:02}") for number in range(23)]
    await target.server.transact(puts([patient(target), *many]))

    found = await target.server.search("Condition", {"patient": target.id("p"), "_count": "5"})

    assert [resource["id"] for resource in found] == [resource["id"] for resource in many]
    assert await target.server.search("Condition", {"patient": target.id("p")}) == found


@pytest.mark.parametrize(("resource_type", "name"), [("Patient", "nonsense"), ("Provenance", "identifier")])
async def test_an_unknown_search_parameter_is_refused(target: Target, resource_type: str, name: str) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0524"):
        await target.server.search(resource_type, {name: "x"})


async def test_a_missing_reference_undoes_the_whole_transaction(target: Target) -> None:
    orphan = condition(target, subject=f"Patient/{target.id('missing')}")

    with pytest.raises(FhirRejected, match=r"HAPI-1094; missing Patient(?!/)"):
        await target.server.transact(puts([patient(target), orphan]))

    assert await target.server.read("Patient", target.id("p")) is None


async def test_a_reference_to_the_wrong_type_is_refused(target: Target) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0931"):
        await target.server.transact(puts([condition(target, subject=f"Device/{target.id('s')}")]))


async def test_references_outside_the_searchable_paths_are_not_checked(target: Target) -> None:
    missing = {"reference": f"Observation/{target.id('missing')}"}
    extension = [{"url": "urn:x", "valueReference": missing}]
    loose = condition(target, stage=[{"assessment": [missing]}], extension=extension)

    response = await target.server.transact(puts([patient(target), loose]))

    assert outcomes(response) == [("201", "1")] * 2


async def test_placeholders_become_the_ids_of_the_same_bundle(target: Target) -> None:
    placeholder = "urn:uuid:7d0a5a0e-3f5d-4f5b-9a57-0b5d6f1f0c11"
    evidence = [{"url": "urn:x", "valueReference": {"reference": placeholder}}]
    facts = condition(target, subject=placeholder, extension=evidence)

    await target.server.transact(transaction(entry(facts), entry(patient(target), full_url=placeholder)))

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"
    assert written["extension"][0]["valueReference"]["reference"] == f"Patient/{target.id('p')}"


async def test_a_placeholder_that_nothing_fills_is_refused(target: Target) -> None:
    stray = condition(target, subject="urn:uuid:7d0a5a0e-3f5d-4f5b-9a57-0b5d6f1f0c12")

    with pytest.raises(FhirRejected, match="HAPI-0541"):
        await target.server.transact(puts([stray]))


async def test_the_version_of_a_reference_is_cut_off(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))

    await target.server.transact(puts([condition(target, subject=f"Patient/{target.id('p')}/_history/1")]))

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"


@pytest.mark.parametrize(
    ("full_urls", "code"),
    [((None, None), "HAPI-0535"), (("urn:uuid:00000000-0000-4000-8000-000000000001",) * 2, "HAPI-0534")],
)
async def test_the_same_resource_twice_is_refused(target: Target, full_urls: tuple[str | None, ...], code: str) -> None:
    twice = [entry(patient(target), full_url=full_url) for full_url in full_urls]

    with pytest.raises(FhirRejected, match=code):
        await target.server.transact(transaction(*twice))


@pytest.mark.parametrize(("resource_id", "code"), [("123", "HAPI-0960"), ("a" * 65, "HAPI-0521"), ("a_b", "HAPI-0521")])
async def test_an_id_that_no_client_may_give_is_refused(target: Target, resource_id: str, code: str) -> None:
    with pytest.raises(FhirRejected, match=code):
        await target.server.transact(puts([{"resourceType": "Patient", "id": resource_id}]))


async def test_what_is_no_fhir_is_refused(target: Target) -> None:
    with pytest.raises(FhirRejected, match="HAPI-1684"):
        await target.server.transact(puts([{"resourceType": "Nonsense", "id": target.id("x")}]))
    with pytest.raises(FhirRejected, match="HAPI-0527"):
        await target.server.transact({"resourceType": "Bundle", "type": "collection", "entry": []})


async def test_tags_and_labels_add_up_and_profiles_are_replaced(target: Target) -> None:
    label = {"system": "urn:label", "code": "AIAST"}
    first, second = {"system": "urn:tag", "code": "a"}, {"system": "urn:tag", "code": "b"}
    await target.server.transact(
        puts([patient(target, meta={"tag": [first], "security": [label], "profile": ["urn:profile:1"]})])
    )

    await target.server.transact(puts([patient(target, meta={"tag": [second], "profile": ["urn:profile:2"]})]))

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
async def test_which_changes_of_meta_make_a_version(target: Target, meta: Json, versions: int) -> None:
    before = {"tag": [{"system": "urn:tag", "code": "a"}], "profile": ["urn:p:1", "urn:p:2"]}
    await target.server.transact(puts([patient(target, meta=before)]))

    await target.server.transact(puts([patient(target, meta=meta)]))

    assert len(await target.server.history("Patient", target.id("p"))) == versions


async def test_the_source_gets_the_number_of_its_request(target: Target) -> None:
    await target.server.transact(puts([patient(target, meta={"source": "urn:document:1#mine"})]))

    source, _, fragment = (await target.server.read("Patient", target.id("p")) or {})["meta"]["source"].partition("#")
    assert source == "urn:document:1"
    assert fragment
    assert fragment != "mine"


async def test_a_stale_if_match_is_a_conflict_and_undoes_all(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))
    stale = entry(patient(target, gender="male"), ifMatch='W/"9"')

    with pytest.raises(FhirConflict, match="HAPI-0989"):
        await target.server.transact(transaction(entry(patient(target, "other")), stale))

    assert await target.server.read("Patient", target.id("other")) is None


async def test_a_current_if_match_is_let_through(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))

    response = await target.server.transact(transaction(entry(patient(target, gender="male"), ifMatch='W/"1"')))

    assert outcomes(response) == [("200", "2")]


async def test_an_if_match_on_what_is_not_there_is_not_looked_at(target: Target) -> None:
    response = await target.server.transact(transaction(entry(patient(target), ifMatch='W/"1"')))

    assert outcomes(response) == [("201", "1")]


def anonymous(target: Target, key: str = "k", **more: Any) -> Json:
    return {name: value for name, value in patient(target, key, **more).items() if name != "id"}


async def test_a_conditional_create_happens_once_and_references_follow(target: Target) -> None:
    placeholder = "urn:uuid:00000000-0000-4000-8000-000000000002"
    query = f"identifier={SYSTEM}|{target.id('k')}"
    created = entry(anonymous(target), "POST", "Patient", placeholder, ifNoneExist=query)
    bundle = transaction(created, entry(condition(target, subject=placeholder)))

    first = await target.server.transact(bundle)
    second = await target.server.transact(bundle)

    assert outcomes(first) == [("201", "1"), ("201", "1")]
    assert outcomes(second) == [("200", "1"), ("200", "1")]
    [only] = await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})
    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{only['id']}"


async def test_a_conditional_update_creates_then_updates_then_rests(target: Target) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('k')}"

    created = await target.server.transact(transaction(entry(anonymous(target), url=url)))
    updated = await target.server.transact(transaction(entry(anonymous(target, gender="male"), url=url)))
    same = await target.server.transact(transaction(entry(anonymous(target, gender="male"), url=url)))

    assert [outcomes(response) for response in (created, updated, same)] == [
        [("201", "1")],
        [("200", "2")],
        [("200", "2")],
    ]


async def test_a_condition_that_several_match_is_refused_and_not_tried_again(target: Target) -> None:
    for _ in range(2):
        await target.server.transact(transaction(entry(anonymous(target), "POST", "Patient")))
    query = f"identifier={SYSTEM}|{target.id('k')}"

    with pytest.raises(FhirRejected, match="HAPI-0958"):
        await target.server.transact(transaction(entry(anonymous(target), "POST", "Patient", ifNoneExist=query)))
    with pytest.raises(FhirRejected, match="HAPI-2207"):
        await target.server.transact(transaction(entry(anonymous(target), url=f"Patient?{query}")))
    with pytest.raises(FhirRejected, match="HAPI-2207"):
        await target.server.transact(puts([condition(target, subject=f"Patient?{query}")]))


async def test_a_resource_that_its_own_condition_misses_is_refused(target: Target) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('another')}"

    with pytest.raises(FhirRejected, match="HAPI-0539"):
        await target.server.transact(transaction(entry(anonymous(target), url=url)))


async def test_an_entry_that_the_server_drops_does_not_pass_for_written(target: Target) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('k')}"
    full_urls = [f"urn:uuid:00000000-0000-4000-8000-00000000001{number}" for number in range(2)]
    twice = [entry(anonymous(target), url=url, full_url=full_url) for full_url in full_urls]

    with pytest.raises(FhirRejected, match="1 of 2 entries"):
        await target.server.transact(transaction(*twice))


async def test_a_conditional_reference_is_resolved(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))
    query = f"Patient?identifier={SYSTEM}|{target.id('p')}"

    await target.server.transact(puts([condition(target, subject=query)]))

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"
    with pytest.raises(FhirRejected, match="HAPI-1091"):
        await target.server.transact(puts([condition(target, subject=query.replace("|p-", "|x-"))]))


def deletion(place: str) -> Json:
    return {"request": {"method": "DELETE", "url": place}}


async def test_a_deleted_resource_is_absent_and_can_come_back(target: Target) -> None:
    place = f"Patient/{target.id('p')}"
    await target.server.transact(puts([patient(target)]))

    response = await target.server.transact(transaction(deletion(place)))
    again = await target.server.transact(transaction(deletion(place)))

    assert outcomes(response) == outcomes(again) == [("204", "2")]
    assert await target.server.read("Patient", target.id("p")) is None
    assert await target.server.search("Patient", {"_id": target.id("p")}) == []
    assert len(await target.server.history("Patient", target.id("p"))) == 1
    with pytest.raises(FhirRejected, match="HAPI-1096"):
        await target.server.transact(puts([condition(target)]))
    assert outcomes(await target.server.transact(puts([patient(target)]))) == [("201", "3")]


async def test_what_others_refer_to_is_not_deleted(target: Target) -> None:
    await target.server.transact(puts(six(target)))

    with pytest.raises(FhirConflict):
        await target.server.transact(transaction(deletion(f"Condition/{target.id('c')}")))

    assert await target.server.read("Condition", target.id("c")) is not None


async def test_deletions_come_first_and_reads_last_whatever_their_place(target: Target) -> None:
    place = f"Patient/{target.id('p')}"
    await target.server.transact(puts([patient(target)]))
    read = {"request": {"method": "GET", "url": place}}

    response = await target.server.transact(transaction(read, entry(patient(target)), deletion(place)))

    assert [status for status, _ in outcomes(response)] == ["200", "201", "204"]
    assert response["entry"][0]["resource"]["meta"]["versionId"] == "3"


async def test_empty_elements_are_dropped(target: Target) -> None:
    await target.server.transact(puts([patient(target, name=[], gender="", birthDate=None)]))

    assert set(without_meta(await target.server.read("Patient", target.id("p")))) == {
        "resourceType",
        "id",
        "identifier",
    }


async def test_the_bytes_of_a_binary_come_back_without_the_charset_of_its_type(target: Target) -> None:
    binary = {
        "resourceType": "Binary",
        "id": target.id("b"),
        "contentType": "text/plain; charset=utf-8",
        "data": "U3RhZ2UgSUlJQcOk",
    }
    await target.server.transact(puts([binary]))

    content = await target.server.content(f"Binary/{target.id('b')}")

    assert content.data == "Stage IIIAä".encode()
    assert content.content_type == "text/plain"


async def test_content_that_is_not_there_or_not_ours_to_ask_for(target: Target) -> None:
    with pytest.raises(ContentNotFound):
        await target.server.content(f"Binary/{target.id('nothing')}")
    with pytest.raises(ForbiddenUrl):
        await target.server.content("http://elsewhere.invalid/Binary/1")
    with pytest.raises(ForbiddenUrl):
        await target.server.content("../metadata")


async def test_any_text_survives_the_way(target: Target) -> None:
    text = 'Größe ≥ 3 cm \u2028 \U0001f9ec "quoted" \\ back'
    await target.server.transact(puts([patient(target, address=[{"text": text}])]))

    written = await target.server.read("Patient", target.id("p"))

    assert written is not None
    assert written["address"] == [{"text": text}]


async def test_an_empty_transaction_is_answered(target: Target) -> None:
    response = await target.server.transact(transaction())

    assert response["type"] == "transaction-response"


async def test_what_json_can_not_hold_is_refused_before_it_is_sent(target: Target) -> None:
    with pytest.raises(FhirRejected, match="NaN"):
        await target.server.transact(puts([patient(target, multipleBirthInteger=float("nan"))]))


@pytest.mark.parametrize(("resource_type", "resource_id"), [("Nonsense", "1"), ("Patient", "../1"), ("Patient", "..")])
async def test_what_can_be_no_resource_is_not_asked_for(target: Target, resource_type: str, resource_id: str) -> None:
    with pytest.raises(FhirRejected):
        await target.server.read(resource_type, resource_id)


async def test_no_error_repeats_what_a_resource_says(target: Target) -> None:
    said = "Sophonisba"
    named = patient(target, name=[{"family": said}], gender=said)

    with pytest.raises(FhirRejected) as caught:
        await target.server.transact(puts([named, condition(target, subject=f"Patient/{target.id('missing')}")]))

    assert said not in str(caught.value)
    assert said not in "".join(traceback.format_exception(caught.value))


def inside_out(value: Any) -> Any:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: inside_out(value[name]) for name in reversed(value)}
    return [inside_out(item) for item in value] if isinstance(value, list) else value


async def test_the_order_of_keys_makes_no_version_however_deep(target: Target) -> None:
    named = patient(
        target, name=[{"family": "A", "given": ["B", "C"]}], contact=[{"name": {"text": "D"}, "gender": "male"}]
    )
    await target.server.transact(puts([named]))

    response = await target.server.transact(puts([inside_out(named)]))

    assert outcomes(response) == [("200", "1")]


async def test_a_resource_that_goes_back_to_what_it_was_has_a_version_more(target: Target) -> None:
    for gender in ("female", "male", "female"):
        await target.server.transact(puts([patient(target, gender=gender)]))

    history = await target.server.history("Patient", target.id("p"))

    assert [(v["meta"]["versionId"], v["gender"]) for v in history] == [("3", "female"), ("2", "male"), ("1", "female")]


async def test_a_history_of_many_pages_is_whole_and_newest_first(target: Target) -> None:
    for number in range(24):
        await target.server.transact(puts([patient(target, birthDate=str(1950 + number))]))

    history = await target.server.history("Patient", target.id("p"))

    assert [v["birthDate"] for v in history] == [str(1950 + number) for number in reversed(range(24))]


async def test_version_0_creates_what_is_not_there_and_is_a_conflict_where_something_is(target: Target) -> None:
    first = transaction(entry(patient(target), ifMatch='W/"0"'))
    assert outcomes(await target.server.transact(first)) == [("201", "1")]

    with pytest.raises(FhirConflict, match="HTTP 409"):
        await target.server.transact(transaction(entry(patient(target, "other")), *first["entry"]))

    assert await target.server.read("Patient", target.id("other")) is None


async def test_a_version_that_is_not_the_current_is_a_conflict_though_nothing_would_change(target: Target) -> None:
    for gender in ("female", "male"):
        await target.server.transact(puts([patient(target, gender=gender)]))

    with pytest.raises(FhirConflict, match="HTTP 409"):
        await target.server.transact(transaction(entry(patient(target, gender="male"), ifMatch='W/"1"')))
    same = await target.server.transact(transaction(entry(patient(target, gender="male"), ifMatch='W/"2"')))

    assert outcomes(same) == [("200", "2")]


async def test_what_was_deleted_can_be_guarded_by_version_0(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))
    await target.server.transact(transaction(deletion(f"Patient/{target.id('p')}")))

    with pytest.raises(FhirConflict):
        await target.server.transact(transaction(entry(patient(target), ifMatch='W/"0"')))


async def racing(target: Target, bundles: list[Json]) -> list[Json | BaseException]:
    """Post them all at once; what came of each. What is no conflict is a failure of the test."""
    came = await asyncio.gather(*map(target.server.transact, bundles), return_exceptions=True)
    strange = [one for one in came if isinstance(one, BaseException) and not isinstance(one, FhirConflict)]
    assert strange == []
    return came


def winners(came: list[Json | BaseException], status: str) -> int:
    return sum(outcomes(one)[0][0] == status for one in came if not isinstance(one, BaseException))


async def test_of_sixteen_racing_conditional_creates_one_creates(target: Target) -> None:
    query = f"identifier={SYSTEM}|{target.id('k')}"
    created = transaction(entry(anonymous(target), "POST", "Patient", ifNoneExist=query))

    came = await racing(target, [created] * 16)

    assert winners(came, "201") <= 1  # the answer of the one that did may be lost to a retry
    assert len(await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})) == 1


async def test_of_sixteen_racing_creates_under_version_0_one_creates(target: Target) -> None:
    came = await racing(
        target, [transaction(entry(patient(target, birthDate=str(1950 + n)), ifMatch='W/"0"')) for n in range(16)]
    )

    assert winners(came, "201") == 1
    assert sum(isinstance(one, FhirConflict) for one in came) == 15
    assert len(await target.server.history("Patient", target.id("p"))) == 1


async def test_as_many_bundles_as_we_ever_post_at_once_are_all_answered(target: Target) -> None:
    born = [puts([patient(target, f"p{n}")]) for n in range(64)]

    came = await racing(target, born)

    assert winners(came, "201") == 64


async def test_of_sixteen_racing_updates_of_one_version_one_is_let_through(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))

    came = await racing(
        target, [transaction(entry(patient(target, birthDate=str(1950 + n)), ifMatch='W/"1"')) for n in range(16)]
    )

    assert winners(came, "200") == 1
    assert len(await target.server.history("Patient", target.id("p"))) == 2


async def test_racing_writes_of_the_same_resource_leave_one_version(target: Target) -> None:
    came = await racing(target, [puts(six(target))] * 8)

    assert any(not isinstance(one, BaseException) for one in came)
    for resource in six(target):
        assert len(await target.server.history(resource["resourceType"], resource["id"])) == 1


@pytest.mark.parametrize(
    ("resource_type", "params", "finds"),
    [
        ("Provenance", {"entity": "DocumentReference/{d}"}, 1),
        ("Provenance", {"entity": "DocumentReference/{p},DocumentReference/{d}"}, 1),
        ("Provenance", {"target": "Condition/{p},Observation/{o}"}, 1),
        ("Provenance", {"target": "Condition/{c},Observation/{o}"}, 1),
        ("Provenance", {"target": "Condition/{p},Observation/{p}"}, 0),
        ("Patient", {"_id": "{p},{c}"}, 1),
        ("Patient", {"identifier": SYSTEM + "|{p}," + SYSTEM + "|{c}"}, 1),
        ("Patient", {"identifier": SYSTEM + r"|{p}\," + SYSTEM + "|{c}"}, 0),
    ],
)
async def test_a_comma_means_or_unless_it_is_escaped(
    target: Target, resource_type: str, params: dict[str, str], finds: int
) -> None:
    await target.server.transact(puts(six(target)))

    found = await target.server.search(resource_type, {k: v.format(**ids(target)) for k, v in params.items()})

    assert len(found) == finds


@pytest.mark.parametrize("character", [",", "$", "\\", "|"])
async def test_a_value_with_a_special_character_is_found_escaped(target: Target, character: str) -> None:
    identifier = [{"system": SYSTEM, "value": f"a{character}{target.id('p')}"}]
    await target.server.transact(puts([patient(target) | {"identifier": identifier}]))

    found = await target.server.search("Patient", {"identifier": f"{SYSTEM}|a\\{character}{target.id('p')}"})

    assert [resource["id"] for resource in found] == [target.id("p")]


async def test_what_we_tag_is_found_by_its_tag(target: Target) -> None:
    tag = {"system": SYSTEM, "code": target.id("t")}
    await target.server.transact(puts([patient(target, meta={"tag": [tag]}), patient(target, "other")]))

    by_code = await target.server.search("Patient", {"_tag": f"{SYSTEM}|{target.id('t')}"})
    by_another = await target.server.search("Patient", {"_tag": f"urn:another|{target.id('t')}"})

    assert [resource["id"] for resource in by_code] == [target.id("p")]
    assert by_another == []


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"resourceType": "Patient", "id": "a_b"}, 400),
        ({"resourceType": "Nonsense", "id": "x"}, 400),
        ({"resourceType": "Condition", "id": "c-1", "subject": {"reference": "Patient/nobody-1"}}, 400),
    ],
)
async def test_a_refusal_tells_its_status(target: Target, broken: Json, status: int) -> None:
    with pytest.raises(FhirRejected, match=f"HTTP {status} "):
        await target.server.transact(puts([broken]))


async def test_a_condition_that_several_match_is_refused_with_412(target: Target) -> None:
    for _ in range(2):
        await target.server.transact(transaction(entry(anonymous(target), "POST", "Patient")))
    query = f"identifier={SYSTEM}|{target.id('k')}"

    with pytest.raises(FhirRejected, match="HTTP 412 "):
        await target.server.transact(transaction(entry(anonymous(target), "POST", "Patient", ifNoneExist=query)))


def batch(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


async def test_the_entries_of_a_batch_stand_each_by_itself(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))
    orphan = condition(target, "orphan", subject=f"Patient/{target.id('missing')}")
    stale = entry(patient(target, gender="male"), ifMatch='W/"9"')

    response = await target.server.transact(batch(entry(condition(target)), entry(orphan), stale))

    assert [item["response"]["status"][:3] for item in response["entry"]] == ["201", "400", "409"]
    assert await target.server.read("Condition", target.id("c")) is not None
    assert await target.server.read("Condition", target.id("orphan")) is None
    assert (await target.server.read("Patient", target.id("p")) or {})["meta"]["versionId"] == "1"


async def test_a_batch_done_again_makes_no_new_version(target: Target) -> None:
    await target.server.transact(puts([patient(target)]))
    for _ in range(2):
        response = await target.server.transact(batch(entry(condition(target)), entry(patient(target))))

    assert outcomes(response) == [("200", "1")] * 2


async def test_one_entry_alone_is_written_as_in_a_bundle(target: Target) -> None:
    created = await target.server.write(entry(patient(target)))
    again = await target.server.write(entry(patient(target)))
    changed = await target.server.write(entry(patient(target, gender="male"), ifMatch='W/"1"'))

    assert outcomes({"entry": [created, again, changed]}) == [("201", "1"), ("200", "1"), ("200", "2")]
    with pytest.raises(FhirConflict):
        await target.server.write(entry(patient(target), ifMatch='W/"1"'))
    with pytest.raises(FhirRejected, match=r"missing Patient(?!/)"):
        await target.server.write(entry(condition(target, subject=f"Patient/{target.id('missing')}")))


async def test_one_entry_alone_is_created_or_updated_by_its_condition(target: Target) -> None:
    query = f"identifier={SYSTEM}|{target.id('k')}"

    created = await target.server.write(entry(anonymous(target), "POST", "Patient", ifNoneExist=query))
    found = await target.server.write(entry(anonymous(target), "POST", "Patient", ifNoneExist=query))
    updated = await target.server.write(entry(anonymous(target, gender="male"), url=f"Patient?{query}"))

    assert outcomes({"entry": [created, found, updated]}) == [("201", "1"), ("200", "1"), ("200", "2")]
    [only] = await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})
    assert created["response"]["location"] == updated["response"]["location"] == f"Patient/{only['id']}"
