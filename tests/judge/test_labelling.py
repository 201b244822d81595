"""Labels that slow down or say something else are told; those that go on as before are not."""

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.judge.labelling import labelling_signals
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import House
from tests.world import START, attributes, day_after, stated

DAYS, A_DAY = 70, 1000
LAST = day_after(START, DAYS - 1)
USUAL = (0.5, 0.3, 0.2)  # of a day's labels come after so many days


@pytest.fixture
def kept(tmp_path):
    """Keep accounts of arrivals as the step keeps them, and say what is found on the last day."""
    monitor = House.at(tmp_path).monitor(ModelSpec.model_validate(attributes()))

    def keep(*, delays=lambda n: USUAL, ones=lambda n, lag: 0.3, more=lambda n: {}):
        rng = np.random.default_rng(7)
        arrived = {}
        for n in range(DAYS):
            day = day_after(START, n)
            labels = rng.multinomial(A_DAY, delays(n))
            for lag, count in enumerate(labels.tolist()):
                of_arrival = arrived.setdefault(day_after(day, lag), {})
                of_arrival[str(day)] = (count, int(rng.binomial(count, ones(n, lag))))
        for arrival, said in arrived.items():
            count = sum(n for n, _ in said.values())
            account = {
                "rows": count, "joined": count, "ambiguous": 0, "orphan": 0, "invalid": 0,
                "by_day": {day: n for day, (n, _) in said.items()},
                "ones_by_day": {day: one for day, (_, one) in said.items()},
                "counted": count, "expected": 0.3 * count,
                **more((arrival - START).days),
            }  # fmt: skip
            notes = {"account": json.dumps(account)}
            monitor.results.write("tiny", "outcomes", arrival, pa.table({}), metadata=notes)
            service = {"service": json.dumps({"rows": A_DAY, "counted": A_DAY})}
            monitor.results.write("tiny", "profile", arrival, pa.table({}), metadata=service)
        return monitor

    return keep


def kinds(monitor, day=LAST):
    return {one.kind for one in stated(monitor, day, labelling_signals(monitor, day))}


def test_labels_as_ever_are_no_news(kept):
    monitor = kept()
    assert [kinds(monitor, LAST - timedelta(days=n)) for n in range(5)] == [set()] * 5


def test_slower_labelling_is_told(kept):
    monitor = kept(delays=lambda n: (0.1, 0.3, 0.6) if n > DAYS - 8 else USUAL)
    assert kinds(monitor) == {FindingKind.LABEL_DELAY}


def test_labels_that_say_something_else_while_scores_do_not_are_told(kept):
    monitor = kept(ones=lambda n, lag: 0.45 if n > DAYS - 9 else 0.3)
    assert kinds(monitor) == {FindingKind.LABEL_PROCESS}


def test_other_hands_are_told(kept):
    def hands(n):
        return {"annotators": {"ann": 500, "bob": 500} if n < DAYS - 8 else {"cy": 1000}}

    assert kinds(kept(more=hands)) == {FindingKind.LABEL_PROCESS}


def test_few_days_are_no_ground_for_any_of_it(kept):
    monitor = kept(delays=lambda n: (0.1, 0.3, 0.6) if n > 5 else USUAL)
    assert kinds(monitor, day_after(START, 9)) == set()
