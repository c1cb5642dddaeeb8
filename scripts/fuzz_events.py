"""Throw broken events at the parser: each must give events or an EventError, in time, and tell nothing of its content.

The samples of examples/events, mutated in their bytes, JSON, headers and keys by a seeded generator. An input whose
outcome was not seen before becomes a sample too, so that the mutations reach deeper than their number. What an error
says is searched for a sentinel that is planted in many inputs, and an event must be fit to become a record.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from medie_fhir.errors import EventError
from medie_fhir.event import EventOptions, Headers, parse_events
from medie_fhir.model import DocumentInfo, NoteEvent

ROOT = Path(__file__).parents[1]
SENTINEL = "Zyxomunda"
LARGE = 50_000
HOSTILE: list[Any] = [
    *json.loads(
        '[null, true, 0, -1, 1.5, 1e300, "", " ", [], {}, [[]], [null], {"reference": 1}, "\\u0000", "\\ud83d",'
        '"DocumentReference", "Bundle", "Parameters", "SubscriptionStatus", "history", "DELETE", "GET", "1.0",'
        '"deleted", "\\u202e", "entered-in-error", "2026-02-30", "0000", "9999-12-31T23:59:60Z", "!", "QQ==", "https://x@y/Binary/1"]'
    ),
    *(SENTINEL, f"{SENTINEL}/1", f"DocumentReference/{SENTINEL}", f"urn:uuid:{SENTINEL}", f"{SENTINEL}?identifier=a|b"),
    *("a" * 3000, "9" * 5000, 10**30),
]
TOKENS = [b"NaN", b"1e999", b"9" * 5000, rb'"\ud800"', b"\x00", b"\xff", b"\xef\xbb\xbf", b'"a":1,"a":2,', b"[" * 3000]
TYPES = [
    b"application/json",
    b"text/xml",
    b"\xff",
    *(b"application/cloudevents%s+json" % end for end in (b"", b"-batch")),
]


class Sample(NamedTuple):
    """A record, and the name of the sample that it comes from."""

    shape: str
    value: bytes | None
    key: bytes | None
    headers: Headers


def samples() -> list[Sample]:
    """Those of examples/events."""
    folder = ROOT / "examples/events"
    found = []
    for each in yaml.safe_load((folder / "index.yaml").read_text(encoding="utf-8")):
        value = (folder / each["file"]).read_bytes() if "file" in each else None
        headers = tuple((name, text.encode()) for name, text in each.get("headers", ()))
        found.append(Sample(each["name"], value, each.get("key", "DocumentReference/1").encode("latin-1"), headers))
    return found


def chance(rng: random.Random, percent: int) -> bool:
    """True so many times of a hundred."""
    return rng.randrange(100) < percent


def of_bytes(value: bytes, rng: random.Random) -> bytes:
    """The bytes, with some lost, doubled or put in, or in another encoding."""
    if chance(rng, 5):
        encoding = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1"))
        return value.decode("utf-8", "replace").encode(encoding, "replace")
    start, size = rng.randrange(len(value) + 1), rng.choice((1, 1, 2, 8, 200))
    new = rng.choice([b"", value[start : start + size] * 2, rng.randbytes(size), rng.choice(TOKENS)])
    return value[:start] + new + value[start + size :]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as its parent and its key in it."""
    found, rest = [], [node]
    while rest:
        parent = rest.pop()
        for key in list(parent) if isinstance(parent, dict) else range(len(parent)):
            found.append((parent, key))
            if isinstance(parent[key], dict | list):
                rest.append(parent[key])
    return found


def of_json(value: bytes, other: Sample, rng: random.Random) -> bytes:
    """The JSON, with one place of it gone, doubled, of another type, or from another sample."""
    try:
        tree = [json.loads(value)]
        donor = [json.loads(other.value or b"{}")]
    except (ValueError, RecursionError):
        return of_bytes(value, rng)
    parent, key = rng.choice(places(tree))
    given, name = rng.choice(places(donor))
    new = rng.choice(
        [
            rng.choice(HOSTILE),
            given[name],
            [parent[key]] * rng.choice((1, 2, 30)),
            {"resource": parent[key], str(name): rng.choice(HOSTILE)},
            f"{parent[key]}{rng.choice(('', SENTINEL))}",
        ]
    )
    if parent is not tree and chance(rng, 20):
        parent.pop(key)
    elif isinstance(parent, dict) and chance(rng, 20):
        parent[rng.choice((SENTINEL, str(name)))] = new
    else:
        parent[key] = new
    return json.dumps(tree[0], ensure_ascii=chance(rng, 50)).encode("utf-8", "surrogatepass")


def of_headers(headers: Headers, other: Sample, rng: random.Random) -> Headers:
    """The headers, with one of them changed, some more, or some fewer."""
    changed = [*headers, *(other.headers if chance(rng, 30) else ())]
    changed += [("Content-Type", rng.choice(TYPES))] if chance(rng, 30) else []
    if changed:
        place = rng.randrange(len(changed))
        name, value = changed[place]
        new = rng.choice([None, b"", b"\xff", SENTINEL.encode(), b"example.deleted", of_bytes(value or b"", rng)])
        changed[place] = (rng.choice((name, name.upper(), f"x{name}")), rng.choice((new, value)))
    return tuple(changed[rng.randrange(len(changed) + 1) :] if chance(rng, 20) else changed)


def mutated(sample: Sample, other: Sample, rng: random.Random) -> Sample:
    """The sample, changed in one to six ways."""
    shape, value, key, headers = sample
    for kind in rng.choices(
        ("json", "bytes", "headers", "key", "null"), (70, 8, 12, 8, 2), k=rng.choice((1, 1, 1, 2, 5))
    ):
        if kind == "json":
            value = of_json(value or b"{}", other, rng)
        elif kind == "bytes":
            value = of_bytes(value or b"", rng)
        elif kind == "headers":
            headers = of_headers(headers, other, rng)
        elif kind == "key":
            key = rng.choice((None, of_bytes(key or b"", rng)))
        else:
            value = rng.choice((None, b""))
    return Sample(shape, value, key, headers)


def said(error: BaseException | None) -> str:
    """All that a log would show of an error and of what led to it."""
    if error is None:
        return ""
    return str(error) + said(error.__cause__ or (None if error.__suppress_context__ else error.__context__))


def outcome(sample: Sample, policy: EventOptions) -> set[str]:
    """What the parser makes of an input. Raises what escapes it, and AssertionError for a broken promise."""
    _, value, key, headers = sample
    try:
        events = parse_events(value, key, headers=headers, timestamp_ms=0, source="s", policy=policy)
    except EventError as error:
        events = (error,)
    assert isinstance(events, tuple)
    told = set()
    for event in events:
        if isinstance(event, EventError):
            assert SENTINEL.lower() not in said(event).lower(), "an error tells of its input"
            told.add(f"{type(event).__name__}: {event}")
        else:
            assert isinstance(event, NoteEvent)
            assert DocumentInfo.model_validate_json(event.document.model_dump_json()) == event.document
            told.add(f"{event.kind}: {event.reason}")
    return told or {"no event"}


def run(inputs: int, seed: int) -> dict[str, Any]:
    """What came of so many inputs."""
    rng, corpus = random.Random(seed), {sample.shape: [sample] for sample in samples()}
    policies = (EventOptions(), EventOptions("skip", "https://ehr.example/fhir"))
    told: dict[str, Counter[str]] = {shape: Counter() for shape in corpus}
    escaped: list[dict[str, str]] = []
    slowest, began = (0.0, 0), time.perf_counter()
    for number in range(inputs):
        shape = rng.choice(list(corpus))
        sample = mutated(
            rng.choice((corpus[shape][0], rng.choice(corpus[shape]))), rng.choice(corpus[rng.choice(list(corpus))]), rng
        )
        at = time.thread_time()
        try:
            new = outcome(sample, policies[number % 2])
        except Exception as error:  # noqa: BLE001 - what the run is for
            escaped.append({"error": repr(error), "input": repr(sample)})
            continue
        size = len(sample.value or b"")
        slowest = max(slowest, (time.thread_time() - at, size))
        if size < LARGE and any(each not in told[shape] and not each.startswith("NotJson") for each in new):
            corpus[shape].append(sample)
        told[shape].update(new)
    classes = {shape: Counter(each.partition(":")[0] for each in told[shape].elements()) for shape in told}
    return {
        "inputs": inputs,
        "seed": seed,
        "python": sys.version.split()[0],
        "seconds": round(time.perf_counter() - began, 1),
        "escaped": escaped,
        "outcomes": len({each for seen in told.values() for each in seen if not each.startswith("NotJson")}),
        "slowest": {"milliseconds": round(slowest[0] * 1000, 2), "bytes": slowest[1]},
        "inputs_with": dict(sum(classes.values(), Counter()).most_common()),
        "shapes": {shape: dict(seen.most_common()) for shape, seen in classes.items()},
    }


def main() -> int:
    """Run, write the report, and fail for anything but events and EventErrors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build/fuzz-events.json")
    options = parser.parse_args()
    report = run(options.inputs, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, value in report.items():
        print(f"{name}: {len(value) if name in ('escaped', 'shapes') else value}")
    return bool(report["escaped"])


if __name__ == "__main__":
    sys.exit(main())
