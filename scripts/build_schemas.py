"""Writes what is made from the types: schemas/*.schema.json, docs/settings.md, the tables of docs/metrics.md.

``--check`` changes nothing and exits 1 where a file is not what the types say.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from medie_fhir.extraction import Task
from medie_fhir.mapping import MappingFile
from medie_fhir.metrics import METRICS
from medie_fhir.model import ExtractionRecord
from medie_fhir.settings import Settings, secret_variables

ROOT = Path(__file__).parent.parent
SCHEMAS: dict[str, type[BaseModel]] = {
    "extraction.schema.json": ExtractionRecord,
    "mapping.schema.json": MappingFile,
    "task.schema.json": Task,
    "settings.schema.json": Settings,
}
SECRETS = frozenset(secret_variables(Settings))
INTRODUCTION = """# Settings

Every knob, made from the types in `medie_fhir/settings/` by `make schemas`. Give a setting in the environment
(`MEDIE_KAFKA__BOOTSTRAP_SERVERS`), or in a YAML file named by `--config` or `MEDIE_CONFIG`
(`kafka: {bootstrap_servers: …}`).
A list or a mapping is JSON in the environment: `MEDIE_FHIR__ALLOWED_HOSTS='["files.example.org"]'`.
The environment wins. `medie-fhir doctor` shows whether they work.

A secret may stand in a file of its own, as Docker and Kubernetes mount them: where the table says `…_FILE`, add that to
the variable's name and give the file's path, as in `MEDIE_FHIR__TOKEN_FILE=/run/secrets/fhir_token`. Line ends after
the secret are left out. The file is read at the start.

| setting | environment | default | meaning |
|---|---|---|---|
"""


def built() -> dict[Path, str]:
    """Every file that is made from the types, and what should stand in it."""
    files = {
        ROOT / "schemas" / name: json.dumps(_schema(model), indent=2, ensure_ascii=False) + "\n"
        for name, model in SCHEMAS.items()
    }
    files[ROOT / "docs" / "settings.md"] = INTRODUCTION + "".join(_rows(Settings, ())) + _ELSEWHERE
    page = ROOT / "docs" / "metrics.md"
    files[page] = _with_tables(page.read_text(encoding="utf-8"), {"metrics": _metrics(), "alerts": _alerts()})
    return files


_ELSEWHERE = """
Outside these: `MEDIE_HOME` is the folder of the embedded model's files (default `~/.cache/medie-fhir`).
"""


def _schema(model: type[BaseModel]) -> dict[str, object]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}


def _rows(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        here, kind = (*path, name), field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(kind, here)
            continue
        default = "" if field.default in (PydanticUndefined, None) else f"`{_plain(field.default)}`"
        variable = f"MEDIE_{'__'.join(here).upper()}"
        variable = f"`{variable}`" + (" or `…_FILE`" if variable in SECRETS else "")
        rows.append(f"| `{'.'.join(here)}` | {variable} | {default} | {_meaning(field)} |\n")
    return rows


def _meaning(field: FieldInfo) -> str:
    """What a setting is for, and the words that it takes, where the description doesn't name them all."""
    described = field.description or ""
    kinds = (field.annotation, *get_args(field.annotation))  # Literal[…], or Literal[…] | None
    words = [f"`{word}`" for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return described if all(word in described for word in words) else f"{described} One of {', '.join(words)}."


def _with_tables(page: str, tables: dict[str, str]) -> str:
    """A page whose tables stand between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        page = re.sub(f"{begin}.*?{end}", lambda _, made=f"{begin}{table}{end}": made, page, count=1, flags=re.DOTALL)
    return page


def _metrics() -> str:
    rows = (
        f"| `{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels)} | {m.meaning} |\n" for m in METRICS
    )
    return "| metric | kind | labels | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _alerts() -> str:
    text = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    rows = []
    for rule in (rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]):
        told = rule["annotations"]
        summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", told["summary"])
        rows.append(f"| `{rule['alert']}` | {rule['labels']['severity']} | {summary} | {told['description']} |\n")
    return "| alert | | what happened | what to do |\n|---|---|---|---|\n" + "".join(rows)


def _plain(default: object) -> object:
    return sorted(default) if isinstance(default, frozenset) else default


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them."""
    stale = [path for path, text in built().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not what the types say; run: make schemas")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(built()[path], encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
