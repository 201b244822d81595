"""The floor of quality: a constant, and the owner's limit; what was promised does not move it."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.judging.quality.floor_rule import floor_days, untold_skill
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from tests.decide.judging.quality.judged_days import (
    TODAY,
    days,
    drops,
    loss,
    served,
    spec,
    varies,
)

NAN = float("nan")
BETTER = [0.38, 0.39, 0.4, 0.41, 0.42]  # than promised, or as good


def skill(*of_days, low=-0.05, high=-0.01, version="1", metric="log_loss"):
    """What a constant would have done on the days of `days`, and what all say together."""
    about = {"version": version, "known_on": TODAY, "n": 400}
    together = Signal.over(
        served(7), served(3), f"pooled_skill.{metric}", (low + high) / 2, low=low, high=high,
        reason="always predicting 0.4, the base rate of its reference, gives 0.39", **about,
    )  # fmt: skip
    return [
        together,
        *(
            Signal.on(served(n + 3), f"skill.{metric}", one, **about)
            for n, one in enumerate(of_days)
        ),
    ]


def in_reference(low, version="1", high=0.2):
    value = (low + high) / 2
    return Signal.on(
        TODAY, "reference_skill.log_loss", value, low=low, high=high, n=9000, version=version
    )


def first_champion(version):
    return Signal.on(TODAY, "first_champion.log_loss", 0.4, version=version)


BELOW = skill(-0.02, -0.03, -0.04, 0.01, -0.02)


def test_worse_than_a_constant_is_urgent_though_all_that_was_promised_holds():
    (found,) = drops(days(*BETTER), bars=[*BELOW, in_reference(0.1)])
    assert (found.subject, found.severity, found.about) == ("log_loss", Severity.P1, served(3))
    assert found.words == (
        "log_loss of version 1 was 0.4 over 5 evaluated days (400 labels), worse than a constant"
        " on 4 of them: always predicting 0.4, the base rate of its reference, gives 0.39, skill"
        " -0.03 (-0.05 to -0.01)"
    )


@pytest.mark.parametrize(
    ("of_days", "high", "is_found"),
    [
        pytest.param([-0.1, -0.1, -0.1, 0.1, 0.1], -0.01, True, id="three of five days"),
        pytest.param([-0.1, -0.1, 0.1, 0.1, 0.1], -0.01, False, id="two of five"),
        pytest.param([-0.1, -0.1, 0.0, 0.0, 0.0], -0.01, False, id="exactly as good on the third"),
        pytest.param([-0.1] * 5, 0.0, False, id="the interval ends exactly at no skill"),
        pytest.param([-0.1] * 5, 0.02, False, id="a quiet small sample: nobody can tell"),
        pytest.param([-0.1] * 5, NAN, False, id="no interval"),
    ],
)
def test_it_takes_three_days_and_certainty(of_days, high, is_found):
    found = drops(days(*BETTER), bars=skill(*of_days, high=high))
    assert bool(found) is is_found


@pytest.mark.parametrize(
    ("references", "is_found"),
    [
        pytest.param([], True, id="no reference says anything: labels do"),
        pytest.param([in_reference(0.01)], True, id="it had skill"),
        pytest.param([in_reference(0.0)], False, id="too small to tell"),
        pytest.param([in_reference(-0.05, high=-0.01)], False, id="none by nature"),
        pytest.param([in_reference(NAN)], True, id="a reference of one day says nothing"),
        pytest.param(
            [in_reference(-0.01), in_reference(0.3, "7"), first_champion("7")], True,
            id="the first champion had: no promotion makes the floor go away",
        ),
        pytest.param(
            [in_reference(0.3), in_reference(-0.1, "7"), first_champion("7")], True,
            id="the first had none, and this one has",
        ),
        pytest.param([in_reference(-0.1), in_reference(0.3, "5")], False, id="some other version"),
    ],
)  # fmt: skip
def test_a_model_without_skill_by_nature_is_never_judged_by_a_constant(references, is_found):
    bars = [*BELOW, *references]
    assert bool(drops(days(*BETTER), bars=bars)) is is_found
    assert bool(untold_skill(bars, "1", "log_loss")) is not is_found


def test_why_it_is_not_judged_is_said():
    assert untold_skill([in_reference(-0.1, high=0.3)], "1", "log_loss") == (
        "its skill in the reference of version 1 is 0.1 (-0.1 to 0.3), too small to tell"
    )


def test_what_the_inputs_explain_is_urgent_below_the_floor():
    """Without it a drop that was expected waits for a business day."""
    known = days(*[0.6] * 12)
    about = {
        "variation": [varies(0.05)],
        "estimates": [loss(0.6, n + 3, area="estimate") for n in range(12)],
    }
    (usual,) = drops(known, **about)
    (below,) = drops(known, **about, bars=BELOW)
    assert (usual.severity, below.severity) == (Severity.P2, Severity.P1)
    assert "worse than a constant" in below.words
    assert below.words.endswith(usual.words)
    assert below.fingerprint == usual.fingerprint


def test_another_version_below_the_floor_is_as_urgent_as_its_traffic():
    both = [*days(*BETTER), *days(*BETTER, version="2")]
    traffic = Traffic("1", {"1": 0.8, "2": 0.2})
    (found,) = drops(both, traffic=traffic, bars=skill(*[-0.1] * 5, version="2"))
    assert (found.subject, found.severity) == ("log_loss of version 2", Severity.P2)


def limited(limit, **about):
    return spec(performance={"log_loss": {"absolute": 9.0, "limit": limit}}, **about)


@pytest.mark.parametrize(
    ("values", "limit", "is_found"),
    [
        pytest.param([0.5, 0.51, 0.52, 0.51, 0.5], 0.49, True, id="beyond it on all days"),
        pytest.param([0.5] * 5, 0.5, False, id="exactly on it"),
        pytest.param([0.5, 0.51, 0.52, 0.51, 0.5], 0.55, False, id="within"),
        pytest.param([0.9, 0.9, 0.3, 0.3, 0.3], 0.4, False, id="two of five days"),
        pytest.param([0.9, 0.5, 0.5, 0.1, 0.5], 0.45, False, id="days differ too much to tell"),
        pytest.param([0.5, 0.5], 0.1, False, id="two days"),
    ],
)
def test_the_owners_limit_is_a_floor_whatever_is_tolerated(values, limit, is_found):
    found = drops(days(*values), spec=limited(limit))
    assert [one.severity for one in found] == [Severity.P1] * is_found


def test_the_limit_stands_in_the_words():
    (found,) = drops(days(0.5, 0.51, 0.52, 0.51, 0.5), spec=limited(0.49))
    assert found.words == (
        "log_loss of version 1 was 0.508 (0.4976 to 0.5184) over 5 evaluated days (2,000 labels),"
        " beyond its limit 0.49 on 5 of them"
    )


@pytest.mark.parametrize(
    ("metric", "value", "limit"),
    [
        pytest.param("accuracy", 0.6, 0.7, id="a share is better higher"),
        pytest.param("bias", 0.3, 0.2, id="a bias above"),
        pytest.param("bias", -0.3, 0.2, id="and below"),
    ],
)
def test_the_metric_knows_its_bad_side(metric, value, limit):
    asked = spec(performance={metric: {"absolute": 9.0, "limit": limit}})
    known = [
        replace(one, name=f"quality.{metric}", value=value + shift, low=value, high=value)
        for one, shift in zip(days(*BETTER), [-0.01, 0, 0.01, 0, 0], strict=True)
    ]
    assert len(drops(known, spec=asked)) == 1
    better = [replace(one, value=one.value + (0.2 if metric == "accuracy" else 0)) for one in known]
    loose = spec(performance={metric: {"absolute": 9.0, "limit": 0.7 if limit > 0.2 else 0.4}})
    assert drops(better, spec=loose) == []


@pytest.mark.parametrize(("asked", "looked_at"), [({}, 5), ({"breaches": 1, "of_days": 2}, 5),
                                                  ({"of_days": 9}, 9)])  # fmt: skip
def test_it_looks_at_five_days_or_as_many_as_the_rule(asked, looked_at):
    assert floor_days(spec(alerts={"performance_drop": asked})) == looked_at
