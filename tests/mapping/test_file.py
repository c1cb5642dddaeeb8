"""The mapping file's shape, and what an editor can tell of it by its JSON Schema."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping import MappingFile, load_mapping
from medie_fhir.mapping.file import Template
from medie_fhir.model import Json
from medie_fhir.shipped import shipped


def properties(schema: Json) -> Iterator[tuple[str, Json]]:
    """Every property of a JSON Schema, by its name."""
    yield from schema.get("properties", {}).items()
    for part in (*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()):
        yield from properties(part)


def test_an_editor_can_tell_what_every_key_is() -> None:
    schema = json.loads(shipped("schemas", "mapping.schema.json").read_text(encoding="utf-8"))
    found = dict(properties(schema))
    assert {"templates", "policy", "primary_field", "when", "minimal_confidence", "resourceType"} <= found.keys()
    assert [name for name, of in found.items() if not of.get("description")] == []


def test_an_editor_can_complete_and_refuse_keys_and_words() -> None:
    schema = MappingFile.model_json_schema()
    kinds = schema["$defs"]["Template"]["properties"]["resource"]["properties"]["resourceType"]["enum"]
    assert {"Condition", "MedicationRequest", "Observation", "Procedure"} <= set(kinds)
    assert "Patient" not in kinds
    assert schema["$defs"]["Assertion"]["enum"] == ["present", "historical", "planned", "possible", "absent"]
    assert not any(part["additionalProperties"] for part in (schema, schema["$defs"]["FieldPolicy"]))


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "{{ %fact.value }}"}, {"{% if true %}": {"resourceType": "Observation"}}]
)
def test_a_template_says_outright_what_type_it_makes(resource: Json) -> None:
    with pytest.raises(ValidationError, match="no resourceType"):
        Template(name="x", field="stage", resource=resource)


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
SCHEMA: Json = MappingFile.model_json_schema()


def accepts(schema: Json, value: Any) -> bool:
    """What an editor makes of a value by a JSON Schema: the keywords (2020-12) that the mapping's has, no other."""
    told = {"$defs", "title", "description", "default"}
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda of: accepts(SCHEMA["$defs"][of.removeprefix("#/$defs/")], value),
        "anyOf": lambda of: any(accepts(one, value) for one in of),
        "type": lambda of: (
            isinstance(value, KINDS[of])
            if of in KINDS
            else isinstance(value, int | float) and not isinstance(value, bool)
        ),
        "const": lambda of: value == of,
        "enum": lambda of: value in of,
        "pattern": lambda of: not isinstance(value, str) or re.search(of.replace("$", r"\Z"), value) is not None,
        "minLength": lambda of: not isinstance(value, str) or len(value) >= of,
        "minimum": lambda of: not isinstance(value, int | float) or value >= of,
        "maximum": lambda of: not isinstance(value, int | float) or value <= of,
        "minItems": lambda of: not isinstance(value, list) or len(value) >= of,
        "items": lambda of: not isinstance(value, list) or all(accepts(of, item) for item in value),
        "required": lambda of: not isinstance(value, dict) or set(of) <= value.keys(),
        "properties": lambda of: (
            not isinstance(value, dict) or all(accepts(of[key], value[key]) for key in of.keys() & value.keys())
        ),
        "additionalProperties": lambda of: (
            not isinstance(value, dict)
            or all(accepts(of, value[key]) for key in value.keys() - schema.get("properties", {}).keys())
            if isinstance(of, dict)
            else of or not isinstance(value, dict) or value.keys() <= schema["properties"].keys()
        ),
    }
    return all(checks[keyword](of) for keyword, of in schema.items() if keyword not in told)


MINE: Json = {
    "name": "mine",
    "version": "1.0.0",
    "task": "oncology",
    "fhir_version": "4.0.1",
    "terminology": "tables",
    "primary_field": "stage",
    "reviewed": "flag",
    "policy": {
        "stage": {
            "assertions": ["present"],
            "experiencers": ["patient"],
            "minimal_alignment": "exact",
            "minimal_confidence": 0.5,
            "readers": ["model"],
            "uncoded": True,
        }
    },
    "templates": [
        {
            "name": "stage",
            "field": "stage",
            "when": "true",
            "resource": {
                "resourceType": "Observation",
                "status": "preliminary",
                "code": {"text": "{{ %fact.value }}"},
                "subject": "{{ %subject }}",
            },
        }
    ],
}
OF_THE_RESOURCE = ("templates", 0, "resource")


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of which the schema speaks: within a resource only its type."""
    if at[:3] != OF_THE_RESOURCE or at == (*OF_THE_RESOURCE, "resourceType"):
        yield at
    if isinstance(value, dict | list) and at != OF_THE_RESOURCE[:3]:
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*at, key))
    elif at == OF_THE_RESOURCE:
        yield (*at, "resourceType")


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            1,
            0.5,
            2,
            -1,
            "",
            "x",
            "0.5",
            "yes",
            "stage",
            "present",
            "1.0.0",
            "1.0.0\n",
            "\u0661.0.0",
            "Task",
        ),
        *([], {}, [None], ["present", "absent"], ["odd"], [{}], {"x": 1}, {"stage": {}}, {"stage": None}),
        *({"stage": {"uncoded": 0}}, {"resourceType": "Observation"}),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([place for place in places(MINE) if place]), ODD, st.sampled_from(["set", "drop", "add"]))
def test_an_editor_refuses_what_the_loader_finds_misshapen_and_nothing_else(
    place: tuple[str | int, ...], odd: Any, how: str
) -> None:
    changed = copy.deepcopy(MINE)
    around: Any = changed
    for key in place[:-1]:
        around = around[key]
    if how == "drop":
        del around[place[-1]]
    else:
        around[f"{place[-1]}s" if how == "add" and isinstance(around, dict) else place[-1]] = odd
    try:
        load_mapping(yaml.safe_dump(changed, allow_unicode=True), "mine.yaml", ("stage", "stages"))
    except InvalidMapping as error:
        loads = not any(kind in fault for fault in error.faults for kind in MISSHAPEN)
    else:
        loads = True
    assert accepts(SCHEMA, changed) is loads


MISSHAPEN = (
    *(
        "must be a",
        "must be true or false",
        "must hold one",
        ": missing",
        "no such key",
        "should match",
        "Input should",
    ),
    *("String should have", "no resourceType", "none of FHIR R4's", "could never be taken back"),
)
