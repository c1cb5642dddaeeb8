"""Code the gold values of a validation set, and draw a sample of what was coded, for a person to judge.

    python scripts/measure_coding.py VALIDATION.jsonl                    the share coded, by field
    python scripts/measure_coding.py VALIDATION.jsonl --sample FILE.csv  and 200 distinct coded values, to be judged
    python scripts/measure_coding.py VALIDATION.jsonl --judged FILE.csv  and whether the judged codes are still those

Each line of the set is a JSON object with ``output``: fields, whose values are parted by ``;``. A value counts as coded
where its meaning is: category and kind of observation alone, which any value of the field gets, do not.
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
from medie_fhir.model import Concept
from medie_fhir.shipped import shipped

SEED = 6
SAMPLE = 200
COLUMNS = ("field", "value", "match", "row", "codes", "verdict", "reason")
WITHOUT_MEANING = {"category", "observation", "method", "t_observation", "n_observation", "m_observation"}


def gold(path: Path) -> Iterator[tuple[str, str]]:
    """Every value of the set with its field."""
    for line in path.read_text(encoding="utf-8").splitlines():
        for field, written in json.loads(line)["output"].items():
            yield from ((field, value.strip()) for value in (written or "").split(";") if value.strip())


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


def coded(concept: Concept) -> bool:
    """Whether any code says what the value means."""
    return bool(concept.codings.keys() - WITHOUT_MEANING)


def shares(values: list[tuple[str, str]], tables: Tables) -> None:
    """Print the share coded by field."""
    every = Counter(field for field, _ in values)
    having = Counter(field for field, value in values if coded(code(field, value, tables)))
    for field in sorted(every):
        print(f"{field:16} {having[field]:4} of {every[field]:4}  {100 * having[field] / every[field]:5.1f} %")
    print(f"{'all':16} {having.total():4} of {every.total():4}  {100 * having.total() / every.total():5.1f} %")


def sample(values: list[tuple[str, str]], tables: Tables) -> list[dict[str, str]]:
    """Rows of distinct coded values to be judged."""
    distinct = sorted({(field, value) for field, value in values if coded(code(field, value, tables))})
    drawn = sorted(random.Random(SEED).sample(distinct, min(SAMPLE, len(distinct))))
    rows = []
    for field, value in drawn:
        concept = code(field, value, tables)
        row = (field, value, concept.match, concept.row or "", codes(concept), "", "")
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def changed(path: Path, tables: Tables) -> list[str]:
    """What is coded otherwise than it was judged."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = Counter(row["verdict"] for row in rows)
    print(f"judged {len(rows)}: " + ", ".join(f"{verdict} {count}" for verdict, count in sorted(wrong.items())))
    return [
        f"{row['field']}: {row['value']}"
        for row in rows
        if codes(code(row["field"], row["value"], tables)) != row["codes"]
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--sample", type=Path)
    parser.add_argument("--judged", type=Path)
    options = parser.parse_args()
    tables = load_tables(shipped("mappings", "terminology"))
    values = list(gold(options.validation))
    shares(values, tables)
    if options.sample:
        with options.sample.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sample(values, tables))
    drifted = changed(options.judged, tables) if options.judged else []
    print("\n".join(f"coded otherwise than judged: {what}" for what in drifted), end="\n" if drifted else "")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
