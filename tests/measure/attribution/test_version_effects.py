"""What a version adds to a change, by serving in place of another one."""

from math import isnan

import pytest

from monitoring_dagster.store.ledger.decided.promotions import PairedResult, Promotion
from tests.measure.attribution.judged_days import CHANGED_ON, lived, one_of, signals, wave
from tests.tiny import noon


def test_a_bad_version_beside_a_healthy_one_is_given_the_fall_and_the_data_none(monitor):
    """Version 3 takes over half of the traffic, and is right in 60 % instead of 80 %."""

    def traffic(day):
        healthy = 0.8 + wave(day)
        if day < CHANGED_ON:
            return {("2", "DE"): (400, healthy), ("2", "FR"): (400, healthy)}
        return {(version, country): (200, healthy - 0.2 * (version == "3"))
                for version in ("2", "3") for country in ("DE", "FR")}  # fmt: skip

    lived(monitor, traffic)
    found = signals(monitor)
    change = one_of(found, "change", subject="accuracy")
    assert change.value == pytest.approx(0.1, abs=0.015)
    effect = one_of(found, "version_effect", version="3")
    assert 0.9 * change.value <= effect.value <= 1.1 * change.value + 0.01
    assert effect.low > 0
    assert effect.subject == "2"
    assert "on 5 days on which both served, by the same mix of country" in effect.reason
    healthy = one_of(found, "within", subject="version", version="2")
    assert abs(healthy.value) < 0.01


def test_a_bad_version_that_replaced_another_is_given_the_fall_by_the_gates_comparison(monitor):
    """Nobody served beside it, and it was promoted all the same."""
    paired = PairedResult("accuracy", "2", -0.19, -0.21, -0.17, 5000)
    at = noon(CHANGED_ON)
    monitor.ledger.record_promotion(Promotion("tiny", "3", "2", "a try", "ada", at, paired))

    def traffic(day):
        version, right = ("2", 0.8) if day < CHANGED_ON else ("3", 0.6)
        return {(version, "DE"): (400, right + wave(day))}

    lived(monitor, traffic)
    found = signals(monitor)
    change = one_of(found, "change", subject="accuracy")
    effect = one_of(found, "version_effect", version="3")
    assert effect.value >= 0.9 * change.value > 0.15
    assert (effect.low, effect.high) == pytest.approx((0.17, 0.21))
    assert "on the 5,000 rows of the gate that promoted it on 2026-03-27" in effect.reason
    mix = one_of(found, "mix", subject="version")
    assert mix.value == pytest.approx(change.value)
    assert mix.reason.startswith("100% of traffic is of groups found in one window only")


def test_a_version_that_promised_well_and_is_bad_is_named(monitor):
    """The gate's comparison spoke for it; the rows of the same days speak against it, and go
    first."""
    paired = PairedResult("accuracy", "2", 0.05, 0.03, 0.07, 5000)
    at = noon(CHANGED_ON)
    monitor.ledger.record_promotion(Promotion("tiny", "3", "2", "better", "gate", at, paired))

    def traffic(day):
        right = 0.8 + wave(day)
        if day < CHANGED_ON:
            return {("2", "DE"): (400, right)}
        return {("2", "DE"): (40, right), ("3", "DE"): (360, right - 0.2)}

    lived(monitor, traffic)
    effect = one_of(signals(monitor), "version_effect", version="3")
    assert effect.low > 0.1
    assert "version 3 is 0.2006 worse than that of version 2 on 5 days" in effect.reason


def test_a_version_that_nothing_can_be_compared_with_is_given_nothing(monitor):
    def traffic(day):
        return {("2" if day < CHANGED_ON else "3", "DE"): (400, 0.8)}

    lived(monitor, traffic)
    effect = one_of(signals(monitor), "version_effect", version="3")
    assert isnan(effect.value)
    assert "served on no day beside another one" in effect.reason
