"""Pictures say what the numbers say, and run nothing."""

from xml.etree import ElementTree

import pytest

from monitoring_dagster.report.pictures import (
    ALARM,
    CALM,
    Bar,
    Estimate,
    bars,
    histograms,
    intervals,
)

HOSTILE = '<script>alert("1")</script>'
SVG = "{http://www.w3.org/2000/svg}"


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
