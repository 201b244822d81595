"""One problem of quality is told by one rule."""

from monitoring_dagster.kinds import FindingKind
from tests.decide.judging.quality.judged_days import (
    days,
    drops,
    elsewhere,
    gap,
    in_germany,
    together,
)


def test_a_segment_is_quiet_where_the_whole_fell():
    known = [*days(0.9, 0.9, 0.9), *days(1.5, 1.5, 1.5, segment="country", segment_value="DE")]
    found = drops(known, pooled=[in_germany(1.5), elsewhere(0.4)])
    assert [one.kind for one in found] == [FindingKind.PERFORMANCE_DROP]


def test_miscalibration_is_quiet_where_the_whole_was_worse_on_some_day():
    known = [*days(0.7, 0.4, 0.4), *(gap(0.1, n) for n in (3, 4, 5))]
    pooled = [together("calibration_gap", 0.1, p_value=0.001, n=900)]
    assert drops(known, pooled=pooled) == []
