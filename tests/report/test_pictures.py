"""Pictures say what the numbers say, and run nothing."""

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from monitoring_dagster.report.pictures import (
    ALARM,
    CALM,
    INK,
    LOSS,
    Bar,
    Estimate,
    Pair,
    bars,
    histograms,
    intervals,
    page,
    pairs,
)

HOSTILE = '<script>alert("1")</script>'
SVG = "{http://www.w3.org/2000/svg}"
DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(11)]


def rectangles(svg, colour):
    found = ElementTree.fromstring(svg).iter(f"{SVG}rect")
    return [one for one in found if one.get("fill") == colour]


@pytest.mark.parametrize(
    "svg",
    [
        pytest.param(bars(HOSTILE, [Bar(HOSTILE, 1, 2, alarm=True)]), id="bars"),
        pytest.param(histograms(HOSTILE, [1.0], [1.0]), id="histograms"),
        pytest.param(
            intervals(HOSTILE, [Estimate(HOSTILE, 1, 0, 2, 1, alarm=False)]), id="intervals"
        ),
        pytest.param(
            pairs(HOSTILE, DAYS[:1], [1], [(0, 0)], [Pair(HOSTILE, [1], 0, 1, [0])]), id="pairs"
        ),
    ],
)
def test_values_from_data_are_text(svg):
    tags = {one.tag.removeprefix(SVG) for one in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "rect", "path", "text", "circle"}
    assert "<script>" in "".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize(
    "svg",
    [
        pytest.param(bars("none", []), id="bars"),
        pytest.param(histograms("none", [], []), id="histograms"),
        pytest.param(intervals("none", []), id="intervals"),
        pytest.param(bars("zero", [Bar("a", 0, 0, alarm=False)]), id="a bar of zero"),
        pytest.param(histograms("zero", [0, 0], [0, 0]), id="two days without rows"),
        pytest.param(intervals("equal", [Estimate("a", 1, 1, 1, None, alarm=False)]), id="a point"),
        pytest.param(pairs("none", [], [], [], []), id="pairs"),
        pytest.param(
            pairs(
                "unknown",
                DAYS[:2],
                [float("nan")] * 2,
                [],
                [Pair("a", [float("nan")] * 2, 5, None, [])],
            ),
            id="two days of which nothing is known",
        ),
    ],
)
def test_nothing_to_show_is_a_picture_too(svg):
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    assert "nan" not in svg


def test_a_bar_is_as_long_as_its_value_and_red_when_it_alarms():
    svg = bars("moved", [Bar("a", 0.4, 0.1, alarm=True), Bar("b", 0.2, 0.1, alarm=False)])
    (red,), (blue,) = rectangles(svg, ALARM), rectangles(svg, CALM)
    assert float(red.get("width")) == pytest.approx(2 * float(blue.get("width")), rel=0.01)


def test_an_estimate_lies_between_the_ends_of_its_interval():
    svg = intervals("quality", [Estimate("a", 2, 1, 4, 3, alarm=True)])
    (point,) = ElementTree.fromstring(svg).iter(f"{SVG}circle")
    line = next(
        one for one in ElementTree.fromstring(svg).iter(f"{SVG}path") if "H" in one.get("d")
    )
    low, high = (float(x) for x in line.get("d")[1:].replace("H", " ").split()[::2])
    assert float(point.get("cx")) - low == pytest.approx((high - low) / 3, abs=0.2)


def test_an_interval_that_is_not_known_spoils_no_picture():
    """One labelled row has a mean and no interval."""
    nan = float("nan")
    svg = intervals(
        "quality",
        [
            Estimate("one row", 0.5, nan, nan, 0.4, alarm=False),
            Estimate("many", 0.5, 0.4, 0.6, 0.5, alarm=False),
        ],
    )
    assert "nan" not in svg


def test_long_names_are_cut():
    svg = bars("x", [Bar("a" * 100, 1, 1, alarm=False)])
    assert "a" * 23 + "…" in svg
    assert "a" * 24 not in svg


def test_a_signal_lies_over_what_it_announces_as_many_days_later():
    metric = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]
    signal = [0, 0, 7, 0, float("nan"), 0, 0, 0, 0, 0, 0]
    svg = pairs("two", DAYS, metric, [(7, 7)], [Pair("psi", signal, 5, 5.0, [2])])
    lines = {
        one.get("stroke"): one.get("d")
        for one in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if one.get("fill") == "none"
    }
    tops = {
        colour: min(
            (float(y), float(x))
            for x, y in (point.split() for point in line.replace("M", "L").split("L")[1:])
        )
        for colour, line in lines.items()
    }
    assert tops[CALM] == tops[INK]
    (loss,), (alert,) = rectangles(svg, LOSS), ElementTree.fromstring(svg).iter(f"{SVG}circle")
    assert float(loss.get("x")) == float(alert.get("cx")) == tops[CALM][1]
    assert lines[CALM].count("M") == 2  # it breaks where it is not known
    assert "nan" not in svg


def test_what_no_document_may_hold_is_replaced():
    svg = bars("x", [Bar("a\x00\x1bb", 1, 1, alarm=False)])
    assert "a\ufffd\ufffdb" in "".join(ElementTree.fromstring(svg).itertext())


def test_words_on_a_page_are_text():
    written = page(HOSTILE, [HOSTILE], "<svg/>")
    assert "<script>" not in written
    assert written.count("&lt;script&gt;") == 2
