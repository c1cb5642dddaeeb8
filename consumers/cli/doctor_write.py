"""``medie-fhir doctor --write``: one resource written as we write, read back, and written again.

The probe is a Device that stands for nothing and nobody. It stays there, for we ask for no right to delete: one under
our id, and one under the server's own where the strategy makes it. It has what our resources have and servers are known
to drop: extensions, an identifier, a tag, a security label.
"""

from __future__ import annotations

from medie_fhir.adapters.fhir_fidelity import dropped
from medie_fhir.errors import FhirUnfit
from medie_fhir.mapping import AI_CONFIDENCE, DERIVATION
from medie_fhir.model import AIAST, Json
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import BASE, device_id, place, transaction

__all__ = ["PROBE", "what_became"]

_NAME = "medie-fhir write probe"
PROBE: Json = {
    "resourceType": "Device",
    "id": device_id(_NAME, None, None, None),
    "meta": {
        "source": f"{BASE}/probe",
        "security": [AIAST],
        "tag": [{"system": f"{BASE}/probe", "code": "write-probe"}],
    },
    "extension": [
        {"url": DERIVATION, "extension": [{"url": "offset", "valueInteger": 0}, {"url": "length", "valueInteger": 1}]},
        {"url": AI_CONFIDENCE, "valueDecimal": 0.5},
    ],
    "identifier": [{"system": f"{BASE}/probe", "value": "write-probe"}],
    "status": "inactive",
    "deviceName": [{"name": _NAME, "type": "other"}],
    "note": [{"text": "No device and no patient. Written by `medie-fhir doctor --write`; may be deleted."}],
}

_LOST = {
    "Device.extension": "facts are written, but where each stands in the note and how sure the model was is lost;"
    " let it keep extensions",
    "Device.identifier": "what a person has changed can't be told from what we wrote; let it keep identifiers",
    "Device.meta.security": "nobody sees there that a machine asserted it (AIAST); let it keep security labels",
    "Device.meta.tag": "documents without a copy, and Provenances under a server's own ids, are found by tags;"
    " let it keep tags",
}


_EDITED = "every resource looks edited by a person, and is never updated"


async def what_became(target: FhirServer) -> str:
    """What the server made of the probe, in a line. Raises FhirError; FhirUnfit where it isn't found again."""
    stored = await _written(target)
    again = await _written(target)
    lost = dropped(PROBE, stored)
    found = [f"{place(PROBE)} written and read back", *_mend(lost)] if lost else [f"{place(PROBE)} kept whole"]
    versions = (resource.get("meta", {}).get("versionId") for resource in (stored, again))
    added = await _added(target, stored)
    return "; ".join([*found, _rewritten(*versions), *added, "it stays there, and may be deleted"])


async def _written(target: FhirServer) -> Json:
    await target.transact(transaction([PROBE]))
    stored = await target.read("Device", PROBE["id"])
    if stored is None:
        raise FhirUnfit(
            f"{place(PROBE)} was taken, and is not found again: facts would be written anew each time. Does the server"
            " keep identifiers, show at once what it has taken, and let us read Devices? Else set fhir.identity"
        )
    return stored


async def _added(target: FhirServer, stored: Json) -> list[str]:
    """A warning for what the server writes by itself and we would take for a person's edit."""
    warnings = []
    source = str(stored.get("meta", {}).get("source") or "").partition("#")[0]  # HAPI puts "#" and a number behind it
    if source not in ("", PROBE["meta"]["source"]):
        warnings.append(f"mend: it sets meta.source by itself: {_EDITED}; let it keep meta.source as sent")
    if await target.search("Provenance", {"target": f"Device/{stored['id']}"}):
        warnings.append(f"mend: someone writes Provenances of what we write: {_EDITED}; let it write none of ours")
    return warnings


def _mend(lost: tuple[str, ...]) -> list[str]:
    """A warning for each kind of element that is dropped or changed, with what that means."""
    told: dict[str, list[str]] = {}
    for path in lost:
        kind = next((kind for kind in _LOST if path.startswith(kind)), path)
        told.setdefault(kind, []).append(path)
    return [
        f"mend: it drops or changes {', '.join(paths)}" + (f": {_LOST[kind]}" if kind in _LOST else "")
        for kind, paths in told.items()
    ]


def _rewritten(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return "it numbers no versions, so an edit between our reading and our writing may be lost"
    if before == after:
        return "written again, it makes no new version"
    return "mend: written again, it makes a new version: so will every replay, and the history grows"
