"""A diagram of how confidences hold: SVG that stands alone, without scripts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from medie_fhir.evaluation import Bin, Calibration, html_report
from medie_fhir.evaluation.reliability import reliability_svg

OWN = Calibration((Bin(0.9, 1.0, 8, 0.95, 0.5), Bin(0.2, 0.3, 2, 0.25, 0.0)), 0.41, 0)
FITTED = Calibration((Bin(0.5, 0.6, 10, 0.55, 0.5),), 0.05, 0)


def test_each_tenth_is_a_point_where_it_belongs() -> None:
    svg = reliability_svg(("All", (("own", OWN), ("calibrated", FITTED))))
    root = ET.fromstring(f"<div>{svg}</div>")
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("circle")]
    assert circles == [(262.0, 154.0), (94.0, 274.0), (166.0, 154.0)]
    assert [text.text for text in root.iter("text")][-2:] == ["own, error 0.410", "calibrated, error 0.050"]


def test_names_are_escaped_and_nothing_is_drawn_of_nothing() -> None:
    svg = reliability_svg(("<b>", (("&", Calibration((), None, 0)),)))
    assert "<b>" not in svg
    assert "<circle" not in svg


def test_the_report_shows_it() -> None:
    assert "<svg" in html_report("t", {}, [], [], [("All", (("own", OWN),))])
    assert "<script" not in html_report("t", {}, [], [], [("All", (("own", OWN),))])
