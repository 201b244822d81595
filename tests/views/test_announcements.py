"""What there is to say, and to see, of signals that went before losses."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from monitoring_dagster.stats.series.lead_times import LeadingIndicator
from monitoring_dagster.stats.series.leads import Lead
from monitoring_dagster.stats.series.thresholds import Threshold
from monitoring_dagster.views.announcements import Announcements, Loss
from tests.tiny import DAY, after

DAYS = [after(n) for n in range(10)]
LOSS = Loss(after(4), after(6), after(9), {"drift.psi": after(1)})


LEAD = Lead(3, 2, 4, 1, 0.8, 0.01)
RELATED = LeadingIndicator("drift.psi", True, 0.01, LEAD, (), None, "drift.psi goes before it")
UNRELATED = replace(RELATED, name="service.error_rate", related=False, words="no relation")
UNKNOWN = replace(UNRELATED, name="volume.rows", lead=None)


def announcements(**changed):
    values = np.array([0.5] * 9 + [np.nan])
    usual = {
        "model": "tiny", "metric": "log_loss", "days": DAYS, "values": values,
        "min_coverage": 0.8, "coverage": 0.95, "losses": [LOSS],
        "signals": {"drift.psi": np.linspace(0, 1, 10)}, "outside": [],
        "indicators": [RELATED, UNRELATED, UNKNOWN],
    }  # fmt: skip
    return Announcements(**(usual | changed))


def test_the_lines_say_what_is_known_what_went_before_and_what_did_not():
    assert announcements().lines == [
        f"log_loss of tiny, {DAY} to {after(9)}: known on 9 of 10 days, 1 loss",
        "drift.psi goes before it",
        "no relation to the loss: service.error_rate",
        "too little known, or constant: volume.rows",
        "labels cover 95% of predictions",
        f"loss from {after(4)} to {after(6)}: drift.psi alerted on {after(1)}; labels could show it"
        f" on {after(9)}",
    ]


def test_a_metric_that_is_nowhere_known_says_what_it_would_take():
    found = announcements(values=np.full(10, np.nan), losses=[], indicators=[], coverage=np.nan)
    assert found.lines == [
        f"log_loss of tiny, {DAY} to {after(9)}: known on 0 of 10 days, 0 losses;"
        " labels.min_coverage asks for 80% of the labels",
        "labels cover nothing",
    ]


@pytest.mark.parametrize(
    ("indicator", "words"),
    [
        (RELATED, "drift.psi moves with how bad log_loss is: correlation 0.80, 3 days ahead"),
        (UNRELATED, "service.error_rate is not seen to move with log_loss"),
        (UNKNOWN, "volume.rows is not seen to move with log_loss"),
    ],
)
def test_numbers_from_elsewhere_are_named_whether_they_go_along(indicator, words):
    found = announcements(indicators=[indicator], outside=[indicator.name])
    assert f"labels cover 95% of predictions; {words}" in found.lines


def test_no_line_holds_what_a_terminal_would_obey():
    hostile = replace(RELATED, words="\x1b[31mred\u202e")
    found = announcements(indicators=[hostile], model="\x1b[2J")
    assert all(line.isprintable() for line in found.lines)


def test_as_json_what_is_not_a_number_is_null():
    found = announcements(coverage=float("nan")).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["coverage"], found["known_days"], found["days"]) == (None, 9, 10)
    assert found["losses"] == [{
        "first": str(after(4)), "last": str(after(6)), "labelled_on": str(after(9)),
        "announced_on": {"drift.psi": str(after(1))},
    }]  # fmt: skip
    assert [(one["name"], one["outside"]) for one in found["signals"]] == [
        ("drift.psi", False), ("service.error_rate", False), ("volume.rows", False)
    ]  # fmt: skip


def test_an_infinite_number_deep_inside_is_null_too():
    inf = float("inf")
    suggested = Threshold(inf, 4, 4, 1.0, 0.5, 1.0, 4, 0, 0.0, 0.0, 0.5, 3.0, 40.0)
    found = announcements(indicators=[replace(RELATED, suggested=suggested)]).to_dict()
    assert found["signals"][0]["suggested"]["value"] is None


def test_the_picture_shows_what_is_related_alone():
    picture = announcements().picture()
    ElementTree.fromstring(picture)
    assert "drift.psi" in picture
    assert "service.error_rate" not in picture


def test_the_page_holds_the_words_and_runs_nothing():
    page = announcements(model="<script>alert(1)</script>").page()
    assert "<script" not in page
    assert "no relation to the loss: service.error_rate" in page
    assert "<svg" in page
