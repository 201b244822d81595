"""Segment drops: together, day by day, and beyond the segment's own variation."""

import pytest

from monitoring_dagster.kinds import FindingKind
from tests.decide.judging.quality.judged_days import (
    days,
    drops,
    elsewhere,
    in_germany,
    spec,
    varies,
)


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


GERMANY = {"segment": "country", "segment_value": "DE"}


@pytest.mark.parametrize(
    ("deviation", "limit", "is_found"),
    [
        pytest.param(0.02, None, True, id="its gap to the whole hardly varies"),
        pytest.param(0.5, None, False, id="it varies by as much"),
        pytest.param(0.02, 20, False, id="and the owner lets more pass"),
        pytest.param(0.5, 0.5, True, id="and the owner lets less pass"),
    ],
)
def test_a_segment_falls_behind_beyond_how_its_gap_varies(deviation, limit, is_found):
    known = [*days(0.4, 0.4, 0.4), *days(0.9, 0.9, 0.9, **GERMANY)]
    pooled = [in_germany(0.9), elsewhere(0.4)]
    found = drops(
        known,
        pooled=pooled,
        variation=[varies(deviation, mean=0.1, **GERMANY)],
        spec=spec(alerts={"segment_drop": {"control_limit": limit}} if limit else {}),
    )
    assert [one.kind for one in found] == [FindingKind.SEGMENT_DROP] * is_found


def test_a_segment_that_falls_with_the_whole_is_no_drop_of_its_own():
    """Each in its turn is worse than the others: together the days lie no further apart."""
    known = [*days(0.8, 0.8, 0.8), *days(0.9, 0.9, 0.9, **GERMANY)]
    pooled = [in_germany(0.9), elsewhere(0.7)]
    found = drops(known, pooled=pooled, variation=[varies(0.05, mean=0.1, **GERMANY)])
    assert not [one for one in found if one.kind is FindingKind.SEGMENT_DROP]
