"""What the settings name, read from its files and checked: task, lexicon, calibration, mapping, tables."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from medie_fhir.coding import Tables, load_tables
from medie_fhir.confidence import Calibration, load_calibration
from medie_fhir.document import Languages, load_languages
from medie_fhir.errors import InvalidTask, SettingsError
from medie_fhir.extraction import Task, load_task
from medie_fhir.grounding import AlignRules, Cues, load_cues
from medie_fhir.lexicon import Lexicon, load_lexicon
from medie_fhir.mapping import Mapping, load_mapping
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

__all__ = [
    "Configuration",
    "mapping_path",
    "read_calibration",
    "read_languages",
    "read_lexicon",
    "read_mapping",
    "read_tables",
    "read_task",
    "terminology_of",
]


class Configuration:
    """What the settings name, loaded and checked: task, cues, terminology tables, mapping.

    Raises InvalidTask, InvalidTerminology, InvalidMapping, SettingsError.
    """

    def __init__(self, settings: Settings) -> None:
        self.task: Task = read_task(settings)
        self.rules = _rules(self.task)
        self.lexicon = read_lexicon(settings, self.task)
        self.calibration = read_calibration(settings, self.task)
        self.cues: Cues = load_cues(_read(shipped("schemas", "context", "cues.csv")))
        self.languages = read_languages(settings)
        self.mapping: Mapping = read_mapping(settings, self.task)
        self.tables: Tables = read_tables(settings, self.task, self.mapping)


def read_languages(settings: Settings) -> Languages:
    """Which languages are read, and what is done with the others. Raises SettingsError."""
    words = load_languages(_read(shipped("schemas", "context", "languages.yaml")))
    return Languages(words, settings.notes.languages, settings.notes.other_language)


def read_task(settings: Settings) -> Task:
    """The task that the settings name. Raises InvalidTask, SettingsError."""
    return load_task(_read(_named(settings.task, "schemas", "tasks")))


def read_lexicon(settings: Settings, task: Task) -> Lexicon | None:
    """The lexical reader's rules, in the folder that the task names beside its file; None where it names none.

    Raises InvalidTask, SettingsError.
    """
    if task.lexicon is None:
        return None
    folder = _named(settings.task, "schemas", "tasks").parent / task.lexicon
    files = {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}
    if not files:
        raise SettingsError(f"{folder}: no *.yaml here, and the task {task.name} names it as its lexicon")
    return load_lexicon(files, task.fields)


def read_calibration(settings: Settings, task: Task) -> Calibration | None:
    """What the readers' confidences are worth, in the file that the task names beside its own; None: it names none.

    Raises InvalidTask, SettingsError.
    """
    if task.confidence is None:
        return None
    path = _named(settings.task, "schemas", "tasks").parent / task.confidence
    return load_calibration(_read(path), task.confidence, task.fields)


def read_mapping(settings: Settings, task: Task) -> Mapping:
    """The mapping that the settings name, as its file is now. Raises InvalidMapping, SettingsError."""
    path = mapping_path(settings)
    return load_mapping(_read(path), path.name, task.fields, task=task.name)


def read_tables(settings: Settings, task: Task, mapping: Mapping) -> Tables:
    """The terminology tables that settings and mapping name, as their files are now. Raises InvalidTerminology."""
    return load_tables(terminology_of(settings, mapping), settings.site_terminology, fields=task.fields)


def mapping_path(settings: Settings) -> Path:
    """Where the mapping's file is."""
    return _named(settings.mapping, "mappings")


def terminology_of(settings: Settings, mapping: Mapping) -> Path:
    """The folder of tables: the settings', else the one that the mapping names beside itself, else the shipped one."""
    if settings.terminology is not None:
        return settings.terminology
    if mapping.file.terminology is not None:
        return mapping_path(settings).parent / mapping.file.terminology
    return shipped("mappings", "terminology")


def _rules(task: Task) -> dict[str, AlignRules]:
    """How each field's values are sought in a note: the task file's ``grounding``, which grounding itself reads."""
    rules, faults = {}, []
    for name, field in task.fields.items():
        try:
            rules[name] = AlignRules.model_validate(field.grounding)
        except ValidationError as error:
            places = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_input=False)]
            faults += [f"fields.{name}.grounding.{place}: {what}" for place, what in places]
    if faults:
        raise InvalidTask("\n".join(faults))
    return rules


def _named(name: str, kind: str, *folder: str) -> Path:
    """A shipped file by its bare name, or any file by its path."""
    path = Path(name)
    if path.suffix:
        return path
    found = shipped(kind, *folder, f"{name}.yaml")
    if not found.is_file():
        known = ", ".join(sorted(other.stem for other in found.parent.glob("*.yaml")))
        raise SettingsError(f"{name}: none that is shipped ({known}); a file is named with its ending, {name}.yaml")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror or 'no such file'}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8") from None
