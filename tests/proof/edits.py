"""What reviewers do to resources, past the library: confirm, refute, correct a code, add a note, finalise."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stand import Stand

from medie_fhir.configuration import Configuration
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

__all__ = ["KINDS", "Edited", "edit", "remapped", "to_edit"]

_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_SNOMED = "http://snomed.info/sct"


def _verified(code: str) -> Callable[[Json], Json]:
    return lambda resource: resource | {"verificationStatus": {"coding": [{"system": _VERIFICATION, "code": code}]}}


def _with_another_code(resource: Json) -> Json:
    """The code alone: no status tells of it."""
    right = {"coding": [{"system": _SNOMED, "code": "254637007"}], "text": "Non-small cell lung cancer"}
    return resource | {"code": right}


def _noted(resource: Json) -> Json:
    return resource | {"note": [{"text": "Seen on the ward round."}]}


KINDS: Mapping[str, tuple[str, Callable[[Json], Json]]] = {
    "confirmed": ("Condition", _verified("confirmed")),
    "refuted": ("Condition", _verified("refuted")),
    "code corrected": ("Condition", _with_another_code),
    "note added": ("Observation", _noted),
    "finalised": ("Observation", lambda resource: resource | {"status": "final"}),
}
"""What a reviewer does: to which type, and how."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A resource as a reviewer left it."""

    kind: str
    place: str
    left: Json

    async def is_kept(self, stand: Stand) -> bool:
        """Whether it still stands so, to the version."""
        now = (await stand.http.get(f"{stand.base_url}/{self.place}")).json()
        return json.dumps(now, sort_keys=True) == json.dumps(self.left, sort_keys=True)


def to_edit(places: list[str], count: int) -> list[tuple[str, str]]:
    """Which of them gets which kind of edit, each kind as often as the others."""
    left = {kind: [p for p in sorted(places) if p.startswith(f"{kind}/")] for kind in ("Condition", "Observation")}
    kinds = list(KINDS)
    return [(kind, left[KINDS[kind][0]].pop()) for kind in (kinds[n % len(kinds)] for n in range(count))]


async def edit(stand: Stand, kind: str, place: str) -> Edited:
    """Do it, as a client that read the resource and writes it back."""
    url = f"{stand.base_url}/{place}"
    read = (await stand.http.get(url)).raise_for_status().json()
    if_match = {"If-Match": f'W/"{read["meta"]["versionId"]}"'}
    (await stand.http.put(url, json=KINDS[kind][1](read), headers=if_match)).raise_for_status()
    return Edited(kind, place, (await stand.http.get(url)).raise_for_status().json())


@contextmanager
def remapped(settings: Settings) -> Iterator[Configuration]:
    """The shipped mapping in another version, by which each resource has one element more."""
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    text = re.sub(r"^version: .*$", "version: 99.0.0", text, flags=re.MULTILINE)
    text = re.sub(r"^( +)(resourceType: (?:Condition|Observation))$", r"\1\2\n\1language: en", text, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "default.yaml"
        path.write_text(text, encoding="utf-8")
        yield Configuration(settings.model_copy(update={"mapping": str(path)}))
