"""What every FHIR server does for us: the twin in its three shapes, and a real one where there is one."""

from __future__ import annotations

import traceback
from typing import Any, Protocol

import pytest

from medie_fhir.errors import ContentNotFound, FhirConflict, FhirRejected, ForbiddenUrl
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer

SYSTEM = "urn:medie-fhir:test"


class Target(Protocol):
    server: FhirServer

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

    with pytest.raises(FhirRejected, match=f"HAPI-1094; missing Patient/{target.id('missing')}"):
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
