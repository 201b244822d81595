"""What a change in quality comes from, as the verdict of a day knows it."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.judge import attributing
from monitoring_dagster.judge.attributing import attribution_signals, relation_signals
from monitoring_dagster.kinds import FindingKind, Severity
from tests.measure.attribution.judged_days import LAST, RULES, lived
from tests.tiny import after, monitor_of

TRAFFIC = Traffic("2", {"2": 0.7, "3": 0.3})
JUDGED = after(33)  # when labels of the thirtieth day are known


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path, **RULES)


def quality(day=LAST, value=0.8, **about):
    return replace(Signal.on(day, "quality.accuracy", value, n=100, version="2"), **about)


def drop(subject="accuracy", severity=Severity.P1):
    kind = FindingKind.PERFORMANCE_DROP
    return Finding("tiny", JUDGED, kind, subject, severity, "worse", "evaluation")


class TestChange:
    def of(self, monitor, *quality):
        return [*attribution_signals(monitor, JUDGED, quality)]

    def test_it_is_that_up_to_the_newest_evaluated_day(self, monitor):
        lived(monitor, lambda day: {("2", "DE"): (400, 0.8)})
        found = self.of(monitor, quality(after(20)), quality())
        assert {one.end.date() for one in found} == {after(1, LAST)}
        assert {"attribution.change", "attribution.mix", "attribution.within"} == {
            one.name for one in found
        }

    def test_single_groups_stay_with_the_step_that_splits_the_day(self, monitor):
        lived(monitor, lambda day: {("2", "DE"): (400, 0.8), ("3", "FR"): (100, 0.7)})
        assert not [one for one in self.of(monitor, quality()) if one.segment]

    def test_a_day_without_any_evaluated_day_has_none(self, monitor):
        assert self.of(monitor) == []
        assert self.of(monitor, quality(value=float("nan"))) == []


class TestRelation:
    @pytest.fixture
    def asked(self, monkeypatch):
        """Of which versions rows were read; each says the same."""
        found = []

        def parts(monitor, windows, version):
            found.append(version)
            yield Signal.on(LAST, attributing.RELATION, 0.2, version=version)

        monkeypatch.setattr(attributing, "world_or_model", parts)
        return found

    def of(self, monitor, *findings, before=()):
        lived(monitor, lambda day: {("2", "DE"): (400, 0.8), ("3", "DE"): (100, 0.7)})
        days = {JUDGED: [quality()], **dict(before)}
        return relation_signals(monitor, JUDGED, findings, LoadedSignals(days), TRAFFIC)

    def test_on_most_days_no_row_is_read(self, monitor, asked):
        assert self.of(monitor) == []
        assert self.of(monitor, drop(severity=Severity.P3)) == []
        assert asked == []

    def test_the_champion_that_fell_is_looked_into_and_so_is_a_version_by_its_name(
        self, monitor, asked
    ):
        self.of(monitor, drop(), drop("accuracy of version 3"))
        assert asked == ["2", "3"]

    def test_what_was_told_apart_within_a_week_stands(self, monitor, asked):
        known = Signal.on(LAST, attributing.RELATION, 0.1, version="2")
        found = self.of(monitor, drop(), before={after(-6, JUDGED): [known]}.items())
        assert (found, asked) == ([known], [])

    def test_after_a_week_it_is_told_apart_anew(self, monitor, asked):
        known = Signal.on(LAST, attributing.RELATION, 0.1, version="2")
        self.of(monitor, drop(), before={after(-7, JUDGED): [known]}.items())
        assert asked == ["2"]

    def test_what_could_not_be_told_apart_is_tried_again(self, monitor, asked):
        refused = Signal.on(LAST, attributing.RELATION, float("nan"), version="2")
        self.of(monitor, drop(), before={after(-1, JUDGED): [refused]}.items())
        assert asked == ["2"]
