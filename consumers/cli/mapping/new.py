"""``medie-fhir mapping new``: a mapping of one's own, from a shipped one or another file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Annotated

import typer
import yaml

from consumers.cli.options import out
from medie_fhir.shipped import shipped

__all__ = ["new"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VERSION = "0.1.0"
_SCHEMA = "mapping.schema.json"
_EDITORS_LINE = re.compile(r"^# yaml-language-server:.*\n(?:#\n)?", re.MULTILINE)


def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and hyphens.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="NAME|FILE", help="A shipped mapping by name, or a file.")
    ] = "default",
    to: Annotated[Path | None, typer.Option("--out", help="Where it is written.", show_default="NAME.yaml")] = None,
) -> None:
    """Write a mapping of your own: a copy with its comments, and beside it the schema that helps an editor."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("small letters, digits and hyphens, a letter first", param_hint="NAME")
    if name in _shipped_names():
        raise typer.BadParameter("a shipped mapping has this name: Provenances would not tell them apart")
    path = to or Path(f"{name}.yaml")
    if path.suffix not in (".yaml", ".yml"):
        raise typer.BadParameter(f"{path}: must end in .yaml or .yml", param_hint="--out")
    source = _source(origin)
    text = _of_its_own(_text(source, origin), name, origin)
    schema = path.parent / _SCHEMA
    if path.exists():
        raise typer.BadParameter(f"{path}: is there already, and is not written over", param_hint="--out")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent}: no such folder: make it first", param_hint="--out")
    try:
        _write_schema(schema)
        tables = _copy_tables(text, source.parent, path.parent)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise typer.BadParameter(f"{error.filename or path}: {error.strerror}", param_hint="--out") from None
    out.print(
        f"{path}: {name} {_VERSION}, from {origin}\n"
        f"{schema}: completion and hover in editors with a YAML language server\n"
        + (f"{tables}/: its terminology tables\n" if tables else "")
        + "\n"
        "next:\n"
        f"  medie-fhir mapping check {path}\n"
        f"  medie-fhir mapping watch {path} --note NOTE.txt    shows what each save changes\n"
        f"  mapping: {path}    in the settings, or MEDIE_MAPPING={path}",
        highlight=False,
        soft_wrap=True,
    )


def _shipped_names() -> list[str]:
    return sorted(path.stem for path in shipped("mappings").glob("*.yaml"))


def _source(origin: str) -> Path:
    return Path(origin) if Path(origin).suffix else shipped("mappings", f"{origin}.yaml")


def _text(path: Path, origin: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        known = ", ".join(_shipped_names())
        raise typer.BadParameter(
            f"{origin}: no such file, nor a shipped mapping: {known}", param_hint="--from"
        ) from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{origin}: is not UTF-8", param_hint="--from") from None
    except OSError as error:
        raise typer.BadParameter(f"{origin}: {error.strerror}", param_hint="--from") from None


def _of_its_own(text: str, name: str, origin: str) -> str:
    """The text under its own name and version, all else as it was; the editor's line is for the schema beside it."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        root = None
    if not isinstance(root, yaml.MappingNode):
        raise typer.BadParameter(f"{origin}: is no mapping; see medie-fhir mapping check", param_hint="--from")
    own = {
        "name": name if yaml.safe_load(name) == name else f'"{name}"',
        "version": _VERSION,
    }  # no, on, null: not texts
    found = [(key.value, value) for key, value in root.value if key.value in own]
    if {key for key, _ in found} != set(own):
        raise typer.BadParameter(f"{origin}: has no name or no version at its top", param_hint="--from")
    for key, value in sorted(found, key=lambda pair: pair[1].start_mark.index, reverse=True):
        text = text[: value.start_mark.index] + own[key] + text[value.end_mark.index :]
    rest = _EDITORS_LINE.sub("", text, count=1)
    return f"# yaml-language-server: $schema=./{_SCHEMA}\n#\n{rest}"


def _copy_tables(text: str, origin: Path, to: Path) -> Path | None:
    """The folder of tables that a mapping names beside itself, copied; one that is there already stays as it is."""
    name = yaml.safe_load(text).get("terminology")
    if not isinstance(name, str) or not (origin / name).is_dir() or (to / name).exists():
        return None
    return Path(shutil.copytree(origin / name, to / name))


def _write_schema(path: Path) -> None:
    """The mapping's JSON Schema; one of another release of ours is renewed, anyone else's file stays."""
    schema = shipped("schemas", _SCHEMA).read_text(encoding="utf-8")
    if path.exists():
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            known = None
        if not isinstance(known, dict) or known.get("title") != json.loads(schema)["title"]:
            raise typer.BadParameter(f"{path}: is there already, and no mapping schema", param_hint="--out")
    path.write_text(schema, encoding="utf-8")
