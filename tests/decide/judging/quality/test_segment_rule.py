"""Segment drops: together, day by day, and beyond the segment's own variation."""

import pytest

from monitoring_dagster.kinds import FindingKind
from tests.decide.judging.quality.judged_days import days, drops, elsewhere, in_germany, varies


@pytest.mark.parametrize(
    ("pooled", "of_days", "is_found"),
    [
        pytest.param(0.8, [0.8, 0.8, 0.8], True, id="together and each day"),
        pytest.param(0.8, [1.6, 0.4, 0.4], False, id="one storm over one country"),
        pytest.param(0.42, [0.8, 0.8, 0.8], False, id="not together"),
    ],
)
def test_a_segment_falls_together_and_on_several_days(pooled, of_days, is_found):
    known = [*days(0.4, 0.4, 0.4), *days(*of_days, segment="country", segment_value="DE")]
    found = drops(known, pooled=[in_germany(pooled), elsewhere(0.4)])
    subjects = [one.subject for one in found]
    assert subjects == ["log_loss where country is DE"] * is_found


@pytest.mark.parametrize(("deviation", "is_found"), [(0.02, True), (0.5, False)])
def test_a_segment_is_worse_beyond_its_own_variation(deviation, is_found):
    here = {"segment": "country", "segment_value": "DE"}
    known = [*days(0.4, 0.4, 0.4), *days(*[0.9] * 9, **here)]
    pooled = [in_germany(0.9), elsewhere(0.4)]
    found = drops(known, pooled=pooled, variation=[varies(deviation, **here)])
    assert [one.kind for one in found] == [FindingKind.SEGMENT_DROP] * is_found
