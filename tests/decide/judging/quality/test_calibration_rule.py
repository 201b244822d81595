"""Miscalibration is significant, large, lasts, and is beyond what the reference shows."""

import pytest

from monitoring_dagster.kinds import FindingKind
from tests.decide.judging.quality.judged_days import days, drops, gap, together, varies


@pytest.mark.parametrize(
    ("effect", "p_value", "gaps", "is_found"),
    [
        pytest.param(0.1, 0.001, [0.1, 0.1, 0.1], True, id="significant, large, every day"),
        pytest.param(0.01, 0.001, [0.1, 0.1, 0.1], False, id="below the effect threshold"),
        pytest.param(0.1, 0.02, [0.1, 0.1, 0.1], False, id="not significant"),
        pytest.param(0.1, 1.0, [0.1, 0.1, 0.1], False, id="better than in the reference"),
        pytest.param(0.1, 0.001, [0.3, 0.0, 0.0], False, id="one day alone"),
    ],
)
def test_miscalibration_is_significant_large_and_lasts(effect, p_value, gaps, is_found):
    known = [*days(0.4, 0.4, 0.4), *(gap(one, place + 3) for place, one in enumerate(gaps))]
    pooled = [together("calibration_gap", effect, p_value=p_value, n=900, reason="overconfident")]
    found = drops(known, pooled=pooled)
    assert [one.words for one in found] == ["version 1: overconfident"] * is_found


@pytest.mark.parametrize(("usual", "is_found"), [(0.02, True), (0.08, False)])
def test_miscalibration_is_beyond_what_stretches_of_the_reference_show(usual, is_found):
    known = [*days(0.4, 0.4, 0.4), *(gap(0.1, n) for n in (3, 4, 5))]
    pooled = [together("calibration_gap", 0.1, p_value=0.001, n=900)]
    normal = varies(0.01, "calibration_gap", mean=usual, n=12)
    found = drops(known, pooled=pooled, variation=[normal])
    assert [one.kind for one in found] == [FindingKind.MISCALIBRATION] * is_found
