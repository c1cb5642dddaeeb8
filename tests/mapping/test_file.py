"""The mapping file's shape, and what an editor can tell of it by its JSON Schema."""

import json
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from medie_fhir.mapping import MappingFile
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
