"""The first way that a server has; and where it has none, one line that says what to change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies.abilities import NEEDED, STUBS, Abilities, chosen
from medie_fhir.adapters.fhir_twin import Profile
from medie_fhir.adapters.fhir_twin.capabilities import capability_statement
from medie_fhir.errors import FhirUnfit
from medie_fhir.model import Json


def said(*, system: tuple[str, ...] = ("transaction",), search: Json | None = None, **flags: Any) -> Json:
    """A CapabilityStatement in which each type that is needed has the flags."""
    resources = [
        {
            "type": kind,
            **flags,
            **({"searchParam": [{"name": n} for n in search[kind]]} if search and kind in search else {}),
        }
        for kind in sorted(NEEDED)
    ]
    rest = {"mode": "server", "resource": resources, "interaction": [{"code": code} for code in system]}
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}


def test_the_first_that_the_server_has_is_taken() -> None:
    assert chosen(Abilities.of(said(updateCreate=True, conditionalUpdate=True))).identity == "client-ids"
    assert chosen(Abilities.of(said(conditionalUpdate=True))).identity == "conditional-update"
    assert chosen(Abilities.of(said(updateCreate=False))).identity == "search-then-create"
    assert chosen(Abilities.of(said(system=("batch", "transaction")))).sending == "transaction"
    assert chosen(Abilities.of(said(system=("batch",)))).sending == "batch"
    assert chosen(Abilities.of(said(system=()))).sending == "single"


def test_an_ability_that_one_of_the_types_lacks_is_none() -> None:
    statement = said(updateCreate=True, conditionalUpdate=True)
    statement["rest"][0]["resource"][0]["updateCreate"] = False
    assert chosen(Abilities.of(statement)).identity == "conditional-update"


def test_types_beyond_the_usual_are_asked_for_too() -> None:
    with pytest.raises(FhirUnfit, match="Procedure"):
        chosen(Abilities.of(said(updateCreate=True)), types=NEEDED | {"Procedure"})


def test_stubs_are_made_only_where_no_race_can_make_two() -> None:
    def able(**flags: Any) -> Abilities:
        statement = said(**flags)
        statement["rest"][0]["resource"].append({"type": "Patient", **flags})
        return Abilities.of(statement)

    types = NEEDED | STUBS
    assert chosen(able(updateCreate=True), types=types).identity == "client-ids"
    assert chosen(able(conditionalUpdate=True, conditionalCreate=True), types=types).conditional_create
    with pytest.raises(FhirUnfit, match=r"missing_subject stub: .*conditionalCreate.*dead-letter or wait"):
        chosen(able(conditionalUpdate=True), types=types)
    with pytest.raises(FhirUnfit, match="doesn't hold Patient"):
        chosen(Abilities.of(said(updateCreate=True)), types=types)


def test_hapi_creates_by_update_though_it_doesn_t_say_so() -> None:
    strategy = chosen(Abilities.of(said(conditionalUpdate=True) | {"software": {"name": "HAPI FHIR Server"}}))
    assert strategy.is_plain
    assert "HAPI" in strategy.description


@pytest.mark.parametrize("statement", [{}, {"rest": []}, {"rest": [{"mode": "server"}]}, {"rest": "odd"}])
def test_a_server_that_says_nothing_is_taken_to_have_all(statement: Json) -> None:
    strategy = chosen(Abilities.of(statement))
    assert strategy.is_plain
    assert "names no interactions" in strategy.description


def test_what_the_settings_demand_and_the_server_lacks_is_refused_with_the_setting_s_name() -> None:
    lacking = Abilities.of(said(system=()))
    with pytest.raises(FhirUnfit, match=r"updateCreate.*fhir\.identity to auto"):
        chosen(lacking, identity="client-ids")
    with pytest.raises(FhirUnfit, match=r"conditionalUpdate.*fhir\.identity to auto"):
        chosen(lacking, identity="conditional-update")
    for sending in ("transaction", "batch"):
        with pytest.raises(FhirUnfit, match=rf"{sending}.*fhir\.sending to auto"):
            chosen(lacking, sending=sending)


def test_what_the_settings_demand_and_the_server_has_is_taken_though_it_is_not_the_first() -> None:
    able = Abilities.of(said(updateCreate=True, conditionalUpdate=True, system=("transaction", "batch")))
    strategy = chosen(able, "search-then-create", "single")
    assert (strategy.identity, strategy.sending) == ("search-then-create", "single")


def test_without_any_way_to_find_a_resource_again_nothing_is_written() -> None:
    blind = said(search={"Condition": ["code"]})
    with pytest.raises(FhirUnfit, match="search by identifier of Condition"):
        chosen(Abilities.of(blind))


def test_a_server_that_can_t_find_provenances_is_unfit() -> None:
    with pytest.raises(FhirUnfit, match="Provenance by entity"):
        chosen(Abilities.of(said(updateCreate=True, search={"Provenance": ["target"]})))
    with pytest.raises(FhirUnfit, match="Provenance by entity"):
        chosen(Abilities.of(capability_statement(Profile(provenance_entity=False))))


def test_a_type_that_the_server_doesn_t_hold_is_named() -> None:
    statement = said(updateCreate=True)
    statement["rest"][0]["resource"] = [r for r in statement["rest"][0]["resource"] if r["type"] != "Provenance"]
    with pytest.raises(FhirUnfit, match="doesn't hold Provenance"):
        chosen(Abilities.of(statement))


def test_another_version_of_fhir_is_unfit() -> None:
    with pytest.raises(FhirUnfit, match="R4"):
        chosen(Abilities.of(said(updateCreate=True) | {"fhirVersion": "5.0.0"}))


def test_a_server_that_overlooks_if_match_is_told_of() -> None:
    assert "If-Match" in chosen(Abilities.of(said(updateCreate=True, versioning="versioned"))).description
    assert "If-Match" not in chosen(Abilities.of(said(updateCreate=True, versioning="versioned-update"))).description


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rest", "resource", "type", "interaction", "code", "searchParam", "software", "name"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["rest", "fhirVersion", "software"]), json))
def test_whatever_a_server_says_of_itself_a_strategy_comes_of_it_or_unfit(statement: Json) -> None:
    def line() -> str:
        try:
            return chosen(Abilities.of(statement)).description
        except FhirUnfit as error:
            return str(error)

    assert line()
    assert "\n" not in line()
