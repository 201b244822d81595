"""A key dominates a day where it has far more of its rows than it ever had."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.delivery.dominant_keys import (
    KEY_SHARE,
    dominant_key,
    with_key,
)
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.tiny import DAY, SPEC, spec_of

HIGH = Finding("tiny", DAY, FindingKind.HIGH_VOLUME, "rows", Severity.P2, "5,000 rows", "profile")
KEYED = spec_of(predictions={**SPEC["predictions"], "key": "client"})


def log_of(today, *before, rows=1000):
    """The shares of the keys with most rows today, and on the same weekdays before."""
    return LoadedSignals(
        {
            day: [
                Signal.on(day, KEY_SHARE, share, subject=key, good=round(share * rows), total=rows,
                          n=rows)
                for key, share in shares.items()
            ]
            for n, shares in enumerate([today, *before])
            for day in [DAY - timedelta(weeks=n)]
        }
    )  # fmt: skip


USUAL = {"a": 0.1, "b": 0.05, "c": 0.04, "d": 0.03, "e": 0.02}


@pytest.mark.parametrize(
    ("today", "before", "words"),
    [
        pytest.param({"b": 0.8, "a": 0.02}, [USUAL] * 2, "'b' has 80.0% of the rows, on the same"
                     " weekdays before at most 5.0%", id="one that was there"),
        pytest.param({"x": 0.6}, [USUAL] * 4, "'x' has 60.0% of the rows, on the same weekdays"
                     " before at most 2.0%", id="one that was not among the most frequent"),
        pytest.param({"x": 0.3}, [{"a": 0.6, "b": 0.4}] * 2, "'x' has 30.0% of the rows, on the"
                     " same weekdays before at most 0.0%", id="one that is new"),
        pytest.param({"a": 1.0}, [{"a": 0.9}] * 2, "'a' has 100.0% of the rows, on the same"
                     " weekdays before at most 90.0%", id="the only one that is left"),
        pytest.param({"\x1b[2J" + "x" * 50: 0.9}, [USUAL] * 2, "'\\x1b[2J" + "x" * 36 + "'... has",
                     id="a hostile one"),
    ],
)  # fmt: skip
def test_it_is_named_with_its_share_and_what_it_had(today, before, words):
    (found,) = dominant_key(KEYED, DAY, log_of(today, *before))
    assert found.words.startswith(words)
    assert (found.kind, found.subject) == (FindingKind.DOMINANT_KEY, "client")
    assert found.severity is Severity.P2


@pytest.mark.parametrize(
    ("today", "before", "rows"),
    [
        pytest.param(USUAL, [USUAL] * 4, 1000, id="as ever"),
        pytest.param({"a": 0.2}, [USUAL] * 4, 10_000, id="a fifth is not beyond a fifth"),
        pytest.param({"a": 0.7}, [{"a": 0.6}] * 4, 1000, id="a large client that is a bit larger"),
        pytest.param({"a": 0.9}, [USUAL, {"a": 0.8}], 1000, id="as once before"),
        pytest.param({"x": 0.9}, [USUAL], 1000, id="one week is no history"),
        pytest.param({"x": 0.9}, [], 1000, id="nor is none"),
        pytest.param({"x": 0.9}, [USUAL] * 2, 32, id="a handful of rows"),
        pytest.param({}, [USUAL] * 2, 1000, id="no row has a key"),
    ],
)
def test_nobody_dominates(today, before, rows):
    log = log_of(today, *before, rows=rows)
    assert [*dominant_key(KEYED, DAY, log)] == []
    assert with_key([HIGH], DAY, log) == [HIGH]


def test_too_many_rows_name_who_sent_them_and_other_findings_stay_as_they_are():
    log = log_of({"b": 0.8}, USUAL, USUAL)
    low = replace(HIGH, kind=FindingKind.LOW_VOLUME)
    high, same = with_key([HIGH, low], DAY, log)
    assert same == low
    assert high.words == (
        "5,000 rows; 'b' has 80.0% of the rows, on the same weekdays before at most 5.0%"
    )
