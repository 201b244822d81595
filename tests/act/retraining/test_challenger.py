"""What a challenger learns from, what it is compared on, and by which metric."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.retraining.challenger import challenger
from monitoring_dagster.act.retraining.enough_labels import TooFewLabels, TooManyInvalid
from monitoring_dagster.act.retraining.learning_days import learning_days
from monitoring_dagster.act.retraining.retrain import retrain
from monitoring_dagster.act.retraining.trigger import decision_on
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.measure import contract
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.store.days.usable_rows import CONTRACT, noted_deployments
from tests import fork_server
from tests.once import mlflow_database, world_once
from tests.tiny import keep
from tests.world import START, World, attributes, day_after

LATE = range(14, 21)  # days that a label takes


class LateWorld(World):
    """Labels come 14 to 20 days late, the negative ones first; nothing is served on Sundays."""

    def rows(self, day):
        frame = super().rows(day)
        rank = frame["label"] * 4 + np.arange(len(frame)) % 4
        return frame.assign(delay=LATE[0] + rank.clip(upper=LATE[-1] - LATE[0]))

    def arriving(self, day):
        parts = []
        for lag in LATE:
            served = day_after(day, -lag)
            if served >= START and served.weekday() != 6:
                rows = self.rows(served)
                parts.append(rows[rows["delay"] == lag])
        none = pd.DataFrame({"request_id": pd.Series(dtype=str), "label": pd.Series(dtype=int)})
        told = pd.concat(parts)[["request_id", "label"]] if parts else none
        return told.assign(arrived_at=pd.Timestamp(day) + timedelta(hours=23))

    def live(self, days=1):
        """Serve, and count what came; nobody acts."""
        for _ in range(days):
            self.write(self.today)
            if self.today.weekday() == 6:
                self.file("predictions", self.today).unlink()
            for step in steps_of(self.monitor):
                if step.name in ("contract", "profile", "outcomes"):
                    step.run(self.monitor, self.today)
            self.today = day_after(self.today)


def late_spec(**policy):
    changed = {"train_days": 4, "holdout_days": 3, "min_labelled_rows": 300, **policy}
    return {
        "labels": {"path": "data/labels/{day}.parquet", "mature_after_days": 20},
        "retraining": attributes()["retraining"] | changed,
    }


@pytest.fixture(scope="session")
def late_world(tmp_path_factory):
    """Thirty days with labels that all came late: the first ten days are known."""

    def live(root):
        mlflow_database(tmp_path_factory, root / ".monitoring" / "mlflow.db")
        world = LateWorld(root, rows_a_day=100, spec_changes=late_spec())
        world.train_first()
        world.live(30)
        return world

    return world_once(tmp_path_factory, "late", live)


@pytest.fixture
def late(late_world, tmp_path):
    """A copy of it, to be broken."""
    return late_world.copied_to(tmp_path)


def last_day(world):
    return day_after(world.today, -1)


def challenged(world, day):
    """The challenger as of one day."""
    found = learning_days(world.monitor, day)
    return challenger(world.monitor, found, "Asked for.", "1", "ada")


def made(world):
    """The challenger of the last day, and what MLflow keeps of it."""
    found = challenged(world, last_day(world))
    return found, world.monitor.registry.describe("tiny", found.version)


def learnt(world, version):
    """The days that a version was trained on."""
    table = world.monitor.registry.reference("tiny", version)
    return sorted({str(day) for day in table["day"].to_pylist()})


class Stopped(Exception):
    """A training that looked at its rows, and went no further."""


@pytest.fixture
def asked(monkeypatch):
    """The rows of the training and of the holdout, without the training."""
    seen = []

    def stop(monitor, rows, holdout):
        seen.append((rows, holdout))
        raise Stopped

    monkeypatch.setattr("monitoring_dagster.act.retraining.challenger.train", stop)

    def rows_on(world, day):
        with pytest.raises(Stopped):
            challenged(world, day)
        return seen[-1]

    return rows_on


def test_labels_that_all_come_two_weeks_late_retrain(late):
    """On 31 March all labels of 11 March are known, and no more than half of those of 12 March.

    8 March was a Sunday, on which nothing is served.
    """
    found, version = made(late)
    assert version.tags["holdout"] == "2026-03-09 to 2026-03-11"
    assert learnt(late, "2") == ["2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"]
    assert "on the same 285 rows: not significantly better (p = " in found.gate.words
    assert version.tags["left_out"] == "Left out: 2026-03-08 (no file)"


def test_its_tag_is_the_feature_code_of_the_rows_that_it_learnt_from(late):
    """Those of 4 to 7 March: what the days before and after them say is not its own."""
    for number in range(1, 12):
        code = "ffff" if 4 <= number <= 7 else "0000"
        notes = noted_deployments([Deployment("1", code, None, 9)])
        keep(late.monitor, CONTRACT, date(2026, 3, number), **notes)
    _, version = made(late)
    assert version.feature_code == "ffff"


def test_the_installed_command_retrains_with_them(late):
    late.declare()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(late.root), str(Path(__file__).parents[3])]),
        "DAGSTER_HOME": str(late.root),
    }
    words = ["monitoring-dagster", "model", "retrain", "tiny", "--as-of", str(last_day(late))]
    ended = fork_server.run(words, cwd=late.root, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert "on the same 285 rows" in ended.stdout
    assert "Left out: 2026-03-08 (no file)" in ended.stdout


def test_what_a_training_finds_is_what_was_counted_when_it_was_decided(late, asked):
    """A decision to retrain never ends in too few labels."""
    late.spec_changes = late_spec(cadence="weekly", min_labelled_rows=50)
    decided = {}
    for n in range(22, 30):
        day = day_after(START, n)
        decision, situation = decision_on(late.monitor, day)
        decided[day] = decision.retrain
        if decision.retrain:
            rows, _ = asked(late, day)
            assert situation.labelled_rows == rows.count
        else:
            with pytest.raises(TooFewLabels):
                challenged(late, day)
    assert set(decided.values()) == {True, False}


def test_too_few_labels_name_what_was_looked_at_and_when_there_will_be_enough(late, asked):
    """The advice is true: on that day there are enough."""
    with pytest.raises(TooFewLabels) as error:
        challenged(late, day_after(START, 25))
    assert str(error.value) == (
        "285 labelled rows of 3 days before a holdout of 3 days are too few to train on, as known"
        " on 2026-03-27: at least 300. 23 days with predictions from 2026-03-02 to 2026-03-27:"
        " 6 with mature labels, 17 waiting for labels. Enough will have matured on 2026-03-29; or"
        " lower retraining.min_labelled_rows"
    )
    rows, _ = asked(late, day_after(START, 27))
    assert str(day_after(START, 27)) == "2026-03-29"
    assert rows.count >= 300


@pytest.mark.parametrize(
    ("changes", "way_out"),
    [
        pytest.param({"train_days": 2}, "raise retraining.train_days", id="the window is short"),
        pytest.param(
            {"min_labelled_rows": 100_000, "train_days": 1_000_000},
            "Wait for more days than the 3 of the holdout",
            id="there are few days",
        ),
    ],
)
def test_the_advice_is_one_that_helps(late, changes, way_out):
    late.spec_changes = late_spec(**changes)
    with pytest.raises(TooFewLabels, match=way_out):
        challenged(late, last_day(late))


def spoil(path, how):
    """Make a day's file one that a careless writer left."""
    table = pq.read_table(path) if path.exists() else None
    if how == "missing":
        path.unlink()
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "broken inside":
        pq.write_table(table, path, compression="zstd", use_dictionary=False)
        written = bytearray(path.read_bytes())
        written[100:4000] = bytes(3900)
        path.write_bytes(bytes(written))
    elif how == "half-written":
        path.unlink()
        (path / "_temporary").mkdir(parents=True)
        pq.write_table(table, path / "part.parquet")
    elif how == "without a column":
        pq.write_table(table.drop_columns(["income"]), path)
    elif how == "text":
        place = table.column_names.index("income")
        text = table["income"].cast(pa.string())
        pq.write_table(table.set_column(place, "income", text), path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "no file"),
        ("cut off", "unreadable"),
        ("broken inside", "unreadable"),
        ("half-written", "half-written"),
        ("without a column", "no column 'income'"),
        ("text", "'income' is VARCHAR and in newer files DOUBLE"),
    ],
)
def test_a_spoilt_file_costs_its_day_and_is_said(late, asked, how, said):
    late.spec_changes = late_spec(min_labelled_rows=200)
    spoil(late.file("predictions", day_after(START, 3)), how)
    rows, holdout = asked(late, last_day(late))
    assert {str(day) for day in rows.days} >= {"2026-03-04", "2026-03-06", "2026-03-07"}
    assert "2026-03-05" not in {str(day) for day in rows.days}
    assert holdout.count == 285
    assert not rows.features.isna().any(axis=None)
    late.spec_changes = late_spec(min_labelled_rows=381)
    with pytest.raises(TooFewLabels, match=r"Left out: .*2026-03-05") as error:
        challenged(late, last_day(late))
    assert said in str(error.value)


def test_invalid_rows_beyond_the_limit_block_the_update_and_the_reason_is_kept(late):
    """More than 30 % of two days' rows hold no probability."""
    late.spec_changes = late_spec(train_days=1, holdout_days=1, min_labelled_rows=50)
    for n in (8, 9):
        day = day_after(START, n)
        log = late.served(day)
        is_odd = np.arange(len(log)) % 100 < 36
        late.write(day, log=log.assign(score=log["score"].mask(is_odd, 1.5)))
        contract.run(late.monitor, day)
    found = learning_days(late.monitor, last_day(late))
    assert [str(one.day) for one in found.known] == ["2026-03-10", "2026-03-11"]
    limit = found.invalid_share
    assert 0.3 < limit < 0.36
    with pytest.raises(TooManyInvalid):
        retrain(late.monitor, as_of=last_day(late), cause="Asked for by ada.", by="ada")
    (*_, kept) = late.monitor.ledger.decisions("tiny")
    assert kept.outcome == "failed"
    assert f"{limit:.1%} of the rows of the days to learn from are invalid" in kept.words
    assert late.monitor.registry.versions("tiny") == ["1"]


def test_what_was_left_out_stands_in_tags_words_and_message(late):
    late.spec_changes = late_spec(min_labelled_rows=100)
    spoil(late.file("predictions", day_after(START, 3)), "cut off")
    spoil(late.file("labels", day_after(START, 25)), "cut off")
    found = retrain(late.monitor, as_of=last_day(late), cause="Asked for by ada.", by="ada")
    left_out = late.monitor.registry.describe("tiny", found.version).tags["left_out"]
    assert "2026-03-05" in left_out
    assert "labels of 2026-03-27 (unreadable)" in left_out
    assert left_out in found.words["gate"]
    tags = late.monitor.registry.describe("tiny", found.version).tags
    assert json.loads(tags["paired"])["compared_with"] == "1"
    send(late.house, environment={})
    said = "Left out: 2026-03-05, labels of 2026-03-27 (unreadable)"
    (event,) = [one.event for one in late.monitor.ledger.deliveries.sent(limit=9)
                if isinstance(one.event, Announcement)]  # fmt: skip
    assert said in event.words


def test_a_day_whose_labels_lie_in_a_spoilt_file_is_left_out(late, asked):
    """A third of its labels would be the quick ones alone."""
    late.spec_changes = late_spec(min_labelled_rows=100)
    for n in (28, 29):
        spoil(late.file("labels", day_after(START, n)), "cut off")
    rows, holdout = asked(late, last_day(late))
    share = {day: n / 95 for day, n in [*holdout.days.value_counts().items()]}
    assert min(share.values()) >= 0.8
    assert rows.days.max() < holdout.days.min()
