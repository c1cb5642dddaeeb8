"""Code the gold values of annotated notes, and draw a sample of what was coded, for a person to judge.

    python scripts/measure_coding.py NOTES.jsonl …                                the share coded, by field
    python scripts/measure_coding.py NOTES.jsonl … --sample FILE.csv --seed 7     and 200 distinct coded values to judge
    python scripts/measure_coding.py NOTES.jsonl … --judged docs/coding-judged.csv  and whether codes are as judged
    python scripts/measure_coding.py NOTES.jsonl … --split                        and as the task splits them

Each line is a JSON object with ``output``: fields, whose values are parted by ``;``; or with ``gold``: fields, whose
values are a list. A value counts as coded where its meaning is: category and kind of observation alone, which any value
of the field gets, do not. A sample is drawn evenly over the fields, and has no value that ``--judged`` holds.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from medie_fhir.coding import Tables, code, load_tables
from medie_fhir.extraction.items import items
from medie_fhir.extraction.parse import ParsedValue
from medie_fhir.extraction.task import load_task
from medie_fhir.model import Concept
from medie_fhir.shipped import shipped

SAMPLE = 200
COLUMNS = ("round", "field", "value", "match", "row", "codes", "verdict", "reason")
Row = dict[str, str]
Value = tuple[str, str]
WITHOUT_MEANING = {"category", "observation", "method", "t_observation", "n_observation", "m_observation"}


def gold(path: Path) -> Iterator[Value]:
    """Every value of the set with its field."""
    for line in path.read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        for field, written in note.get("output", note.get("gold")).items():
            values = written if isinstance(written, list) else (written or "").split(";")
            yield from ((field, value.strip()) for value in values if value.strip())


def codes(concept: Concept) -> str:
    """All codes that say what a value means, by role: ``code 254626006 (Adenocarcinoma of lung)``."""
    parts = [
        f"{role} {coding.code}" + (f" ({coding.display})" if coding.display else "")
        for role, found in sorted(concept.codings.items())
        if role not in WITHOUT_MEANING
        for coding in found
    ]
    told = ("hgvs_p", "hgvs_c", "presence", "origin", "kind", "exon", "codon", "broader", "suffix")
    parts += [f"{name}={concept.attributes[name]}" for name in told if name in concept.attributes]
    if "quantity" in concept.attributes:
        quantity = concept.attributes["quantity"]
        parts.append(f"{quantity.get('comparator', '')}{quantity['value']} {quantity.get('unit', '')}".strip())
    return "; ".join(parts)


def split(values: list[Value]) -> list[Value]:
    """The values as the pipeline gets them: the task parts "liver and bone" into two."""
    task = load_task(shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8"))
    return [
        (field, written[start:end])
        for field, written in values
        for start, end in items(ParsedValue(written, ()), task.fields[field], task)
    ]


def coded(concept: Concept) -> bool:
    """Whether any code says what the value means."""
    return bool(concept.codings.keys() - WITHOUT_MEANING)


def shares(values: list[Value], tables: Tables) -> None:
    """Print the share coded by field."""
    every = Counter(field for field, _ in values)
    having = Counter(field for field, value in values if coded(code(field, value, tables)))
    for field in sorted(every):
        print(f"{field:16} {having[field]:4} of {every[field]:4}  {100 * having[field] / every[field]:5.1f} %")
    print(f"{'all':16} {having.total():4} of {every.total():4}  {100 * having.total() / every.total():5.1f} %")


def sample(values: list[Value], tables: Tables, seed: int, judged: list[Row]) -> list[Row]:
    """Rows of distinct coded values to be judged, as many of each field as of any other while it has them."""
    known = {(row["field"], row["value"]) for row in judged}
    number = str(1 + max((int(row["round"]) for row in judged), default=0))
    by_field: dict[str, list[str]] = {}
    for field, value in sorted(set(values) - known):
        if coded(code(field, value, tables)):
            by_field.setdefault(field, []).append(value)
    draw = random.Random(seed)
    left = SAMPLE
    rows = []
    for index, field in enumerate(sorted(by_field, key=lambda name: (len(by_field[name]), name))):
        share = min(len(by_field[field]), left // (len(by_field) - index))
        left -= share
        for value in sorted(draw.sample(by_field[field], share)):
            concept = code(field, value, tables)
            row = (number, field, value, concept.match, concept.row or "", codes(concept), "", "")
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def changed(rows: list[Row], tables: Tables) -> list[str]:
    """What is coded otherwise than it was judged."""
    verdicts = Counter(row["verdict"] for row in rows)
    print(f"judged {len(rows)}: " + ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items())))
    return [
        f"{row['field']}: {row['value']}"
        for row in rows
        if codes(code(row["field"], row["value"], tables)) != row["codes"]
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("notes", type=Path, nargs="+")
    parser.add_argument("--sample", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judged", type=Path)
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    tables = load_tables(shipped("mappings", "terminology"))
    values = [value for path in options.notes for value in gold(path)]
    shares(values, tables)
    judged: list[Row] = []
    if options.judged:
        with options.judged.open(encoding="utf-8", newline="") as file:
            judged = list(csv.DictReader(file))
    if options.split:
        print("each value as the task splits it:")
        shares(split(values), tables)
    if options.sample:
        with options.sample.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sample(values, tables, options.seed, judged))
    drifted = changed(judged, tables) if judged else []
    print("\n".join(f"coded otherwise than judged: {what}" for what in drifted), end="\n" if drifted else "")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
