"""A champion that holds its own promise, and not what the first one promised, is told."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.decide.judging.quality.judged_days import TODAY, days, drops, loss, varies

SEVENTH = Traffic("7", {"7": 1.0})
DECAYED = [0.6] * 12  # as version 7 promised; 0.1 is tolerated


def bar(value=0.4, version="1"):
    return Signal.on(TODAY, "first_champion.log_loss", value, version=version)


def found(values=DECAYED, *, promised=0.6, traffic=SEVENTH, bars=None, variation=None, **about):
    variation = [varies(0.02), replace(varies(0.02, mean=0.6), version="7")] if (
        variation is None) else variation  # fmt: skip
    known = days(*values, version="7", baseline=promised)
    return drops(
        known, traffic=traffic, bars=[bar()] if bars is None else bars, variation=variation, **about
    )


def test_a_series_of_champions_does_not_turn_green_by_lowering_the_bar():
    (one,) = found()
    assert (one.kind, one.severity) == (FindingKind.PERFORMANCE_DROP, Severity.P2)
    assert one.words == (
        f"log_loss of version 7 was 0.6 on {one.about}: it holds what version 7 promised (0.6), but"
        " is 50% worse than the first champion, version 1, promised (0.4); 5 of the last 5"
        " evaluated days were as bad"
    )


@pytest.mark.parametrize(
    ("how", "is_found"),
    [
        pytest.param({"bars": []}, False, id="nobody knows the first"),
        pytest.param({"bars": [bar(version="7")]}, False, id="it is the first"),
        pytest.param({"bars": [bar(0.5)]}, False, id="exactly within the tolerance"),
        pytest.param({"values": [0.6, 0.6] + [0.4] * 10}, False, id="two of five days"),
        pytest.param({"variation": [varies(0.5)]}, False, id="the first's days differed as much"),
        pytest.param({"variation": []}, True, id="unknown variation: each day is certain"),
        pytest.param(
            {"variation": [], "bars": [bar(0.46)]}, False, id="unknown, and no day is certain"
        ),
        pytest.param({"traffic": Traffic("9", {"9": 1.0})}, False, id="it is not the champion"),
    ],
)
def test_when_it_is_told(how, is_found):
    assert bool(found(**how)) is is_found


def test_below_its_own_bar_one_finding_says_it():
    (one,) = found([0.9] * 12)
    assert one.severity is Severity.P1
    assert "first champion" not in one.words


def test_harder_inputs_than_its_own_are_for_the_record():
    estimates = [
        loss(0.9, n + 3, area="estimate", version="7", baseline=0.6) for n in range(12)
    ]  # fmt: skip
    (one,) = found(estimates=estimates)
    assert one.severity is Severity.P3
    assert one.words.endswith("expected from the inputs: harder cases")


@pytest.mark.parametrize(
    ("high", "severity"),
    [
        pytest.param(0.3, Severity.P3, id="exactly as skilful as the first"),
        pytest.param(0.29, Severity.P2, id="less skilful"),
    ],
)
def test_a_season_in_which_a_constant_is_as_much_worse_is_for_the_record(high, severity):
    together = Signal.on(
        TODAY, "pooled_skill.log_loss", 0.2, low=0.1, high=high, n=2000, version="7"
    )
    before = Signal.on(
        TODAY, "reference_skill.log_loss", 0.3, low=0.25, high=0.35, n=9000, version="1"
    )
    (one,) = found(bars=[bar(), together, before])
    assert one.severity is severity
