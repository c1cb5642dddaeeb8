"""The tree in the docstring is the tree of the classes, with the policy of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medie_fhir import errors
from medie_fhir.errors import MedieError, Policy

ROW = re.compile(r"^ {4}(?P<bars>[│ ]*)[├└]── (?P<name>\w+)(?: \.*)?(?: *(?P<policy>SKIP|RETRY|DEAD_LETTER|STOP)\b)?")
CLASSES = {name: made for name, made in vars(errors).items() if name in errors.__all__ and made is not Policy}


def drawn() -> Iterator[tuple[str, str, str | None]]:
    """Each row of the tree: a class, the one above it, and its policy where one stands there."""
    above = ["MedieError"]
    for row in filter(None, map(ROW.match, (errors.__doc__ or "").splitlines())):
        depth = len(row["bars"]) // 4
        above[depth + 1 :] = [row["name"]]
        yield row["name"], above[depth], row["policy"]


def test_every_class_is_drawn_once_below_its_own_base() -> None:
    rows = [(name, above) for name, above, _ in drawn()]
    assert len(rows) > 40
    assert sorted([*rows, ("MedieError", "Exception")]) == sorted(
        (name, made.__base__.__name__) for name, made in CLASSES.items()
    )


def test_a_policy_that_is_drawn_is_the_classs_and_one_that_is_not_is_inherited() -> None:
    for name, above, policy in drawn():
        expected = Policy[policy] if policy else CLASSES[above].policy
        assert CLASSES[name].policy is expected, name


def test_every_error_is_known_by_its_public_name() -> None:
    made = [MedieError]
    for each in made:
        made += [child for child in each.__subclasses__() if child.__module__ == errors.__name__]
    assert {each.__name__ for each in made} == set(CLASSES)
