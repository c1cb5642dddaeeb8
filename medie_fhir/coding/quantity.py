"""Numbers with their units, as laboratories and pathologists write them, in UCUM (https://ucum.org)."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Quantity", "find_quantity"]

_UCUM = "http://unitsofmeasure.org"
_PER_MEGABASE = "1/1000000{Base}"
_AS_WRITTEN = ("%", "ng/mL", "ug/L", "ug/mL", "pg/mL", "ng/L", "mg/L", "mg/dL", "g/dL", "U/mL", "kU/L", "U/L")
_OTHERWISE = {
    "percent": "%",
    "μg/l": "ug/L",
    "μg/ml": "ug/mL",
    "mcg/l": "ug/L",
    "mcg/ml": "ug/mL",
    "units/ml": "U/mL",
    "units/l": "U/L",
    "iu/ml": "[IU]/mL",
    "miu/ml": "m[IU]/mL",
    "kiu/l": "k[IU]/L",
    "iu/l": "[IU]/L",
}
_MUTATIONS = ("mut/mb", "muts/mb", "mutation/mb", "mutations/mb", "m/mb", "/mb", "muts/megabase", "mutations/megabase")
_UNITS = {unit.casefold(): unit for unit in _AS_WRITTEN} | _OTHERWISE | dict.fromkeys(_MUTATIONS, _PER_MEGABASE)
_UNITS["mutations per megabase"] = _PER_MEGABASE
_COMPARATORS = {"≤": "<=", "≥": ">=", "less than": "<", "greater than": ">", "at least": ">="}
_UNIT = "|".join(re.escape(unit).replace(r"\ ", " ") for unit in sorted(_UNITS, key=len, reverse=True))
_QUANTITY = re.compile(
    r"(?P<comparator><=|>=|≤|≥|<|>|less than|greater than|at least)?\s*(?P<approximate>~|about |approximately )?\s*"
    rf"(?<![\w.-])(?P<number>\d{{1,3}}(?:,\d{{3}})+|\d+(?:\.\d+)?)(?![\d.,]*\d|\s*-\s*\d)\s*(?P<unit>{_UNIT})?(?![\w+])"
)
# "12.000 U/mL": twelve thousand where the comma parts decimals. Nobody writes so many noughts otherwise.
_THOUSANDS = re.compile(r"^[1-9]\d{0,2}\.\d\d0$")


class Quantity(NamedTuple):
    """A number, its UCUM unit where one is written, how it compares (FHIR's codes), and where it stands in the text."""

    value: int | float
    unit: str | None
    comparator: str | None
    approximate: bool
    start: int
    end: int

    def as_attribute(self) -> dict[str, str | int | float]:
        """A FHIR Quantity."""
        parts: dict[str, str | int | float] = {"value": self.value}
        if self.comparator:
            parts["comparator"] = self.comparator
        if self.unit:
            parts |= {"unit": self.unit, "system": _UCUM, "code": self.unit}
        return parts


def find_quantity(text: str) -> Quantity | None:
    """The one quantity of a text in its plain form (see ``wording.plain``); None where there is not just one."""
    found = list(_QUANTITY.finditer(text))
    if len(found) != 1:
        return None
    match = found[0]
    if _THOUSANDS.match(match["number"]):
        return None
    digits = match["number"].replace(",", "")
    return Quantity(
        float(digits) if "." in digits else int(digits),
        _UNITS[match["unit"]] if match["unit"] else None,
        _COMPARATORS.get(match["comparator"], match["comparator"]),
        bool(match["approximate"]),
        match.start(),
        match.end(),
    )
