"""The same rows get the same numbers and verdicts from a command and from the daily steps."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.measure import profiling
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.estimates.estimators import by_confidence, by_losses
from monitoring_dagster.measure.quality import arrived_labels, known_quality
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.standalone.compare import compare
from monitoring_dagster.standalone.estimate_table import estimate
from monitoring_dagster.standalone.evaluate import State, evaluate
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.profiles import profiles_of
from monitoring_dagster.store.models.registration import DAY as DAY_COLUMN
from monitoring_dagster.store.models.registry import ModelVersion, Registry
from monitoring_dagster.store.monitor import House
from monitoring_dagster.store.references.version_reference import (
    REFERENCE_FILE,
    folder_of,
    reference_of,
)

DAY = date(2026, 3, 2)
WHOLE = Group("1")
FEATURES = {"income": "numeric", "debt": "numeric", "plan": "categorical"}
N = 1500


def rows(task, *, n=N, seed=0, shift=0.0):
    """Features, what a model says of them, and what turns out."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.normal(50 + 10 * shift, 10, n),
            "debt": rng.exponential(5, n),
            "plan": rng.choice(["basic", "plus", "pro"], n),
            "country": rng.choice(["DE", "FR"], n),
        }
    )
    if task == "regression":
        noise = rng.normal(0, 1 + frame["debt"], n)
        return frame.assign(prediction=30 + frame["income"], label=30 + frame["income"] + noise)
    score = 1 / (1 + np.exp(-(frame["income"] - 50) / 8))
    return frame.assign(
        score=score,
        prediction=(score >= 0.5).astype(int),
        label=(rng.random(n) < score).astype(int),
    )


def multiplying(rng, moved):
    """Rows whose errors grow with the product of two features; *moved* by standard deviations."""
    income, debt = rng.normal(50 + 10 * moved, 10, N), rng.exponential(5, N) + 2.5 * moved
    spread = 0.3 + np.abs(income - 50) / 10 * debt / 5
    prediction = income + debt
    return pd.DataFrame({
        "income": income, "debt": debt, "plan": rng.choice(["basic", "plus", "pro"], N),
        "prediction": prediction, "label": prediction + rng.normal(0, spread),
    })  # fmt: skip


def log(frame):
    """The rows as a service logs them in the course of one day."""
    minutes = pd.to_timedelta(np.linspace(0, 1400, len(frame)).astype(int), unit="min")
    return frame.drop(columns="label").assign(
        request_id=[f"r{i}" for i in range(len(frame))],
        served_at=pd.Timestamp(DAY) + minutes,
        model_version="1",
    )


def arriving(frame, *, share=0.95):
    """Labels of most of the requests, on the day and the three after it."""
    rng = np.random.default_rng(7)
    days = rng.integers(0, 4, len(frame))
    labels = pd.DataFrame(
        {
            "request_id": [f"r{i}" for i in range(len(frame))],
            "label": frame["label"],
            "arrived_at": pd.Timestamp(DAY) + pd.to_timedelta(days * 24 + 23.5, unit="h"),
        }
    )
    return labels[rng.random(len(frame)) < share].reset_index(drop=True)


def table(frame):
    """As a service writes it, whose times are UTC in microseconds."""
    found = pa.Table.from_pandas(frame, preserve_index=False)
    for place, field in enumerate(found.schema):
        if pa.types.is_timestamp(field.type):
            times = found[field.name].cast(pa.timestamp("us", "UTC"))
            found = found.set_column(place, field.name, times)
    return found


@pytest.fixture
def monitored(tmp_path, monkeypatch):
    """A project with one day's files, whose registry knows version 1 by its reference rows."""

    def with_files(task, reference, served, labels=None):
        described = ModelVersion(
            "tiny", "1", "", datetime(2026, 3, 1, tzinfo=UTC), task, tuple(FEATURES.items()), None,
            {}, {}, {}, {}, None, {},
        )  # fmt: skip
        monkeypatch.setattr(Registry, "describe", lambda *_: described)
        monkeypatch.setattr(Registry, "reference", lambda *_: table(reference))
        write(tmp_path, "predictions", DAY, table(served))
        if labels is not None:
            labels = table(labels)
            days = labels["arrived_at"].cast(pa.date32())
            for day in pc.unique(days).to_pylist():
                of_day = labels.filter(pc.equal(days, pa.scalar(day)))
                write(tmp_path, "labels", day, of_day)
        score = {} if task == "regression" else {"score": "score"}
        spec = ModelSpec.model_validate(
            {
                "name": "tiny",
                "owner": "team:small",
                "task": task,
                "predictions": {"path": "predictions/{day}.parquet", **score},
                "labels": {"path": "labels/{day}.parquet", "mature_after_days": 5},
                "segments": ["country"],
            }
        )
        monitor = House.at(tmp_path, {}).monitor(spec)
        profiling.run(monitor, DAY)
        return monitor

    return with_files


def write(root, folder, day, found):
    path = root / folder / f"{day}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(found, path)


class TestDrift:
    @pytest.mark.parametrize("shift", [0.0, 0.05, 0.5], ids=["none", "a little", "far"])
    def test_every_column_has_the_same_verdict_and_numbers(self, monitored, shift):
        """No correction differs: the columns, the answer among them, are the same ones."""
        reference, now = rows("regression"), rows("regression", seed=1, shift=shift)
        monitor = monitored("regression", reference, log(now))
        daily = {(one["segment"], one["value"], one["column"]): one
                 for one in drift.judged(monitor, [DAY])[DAY]}  # fmt: skip
        before, after = (one.drop(columns="label") for one in (reference, now))
        found = compare(before, after, segments=["country"])
        names = ("verdict", "reason", "n_reference", "n_current", "psi", "effect", "p_value",
                 "p_adjusted", "psi_band", "missing", "new_category", "out_of_range")  # fmt: skip
        commands = {(one["segment"] or "", one["value"] or "", one["name"]): one
                    for one in found.to_dict()["features"]}  # fmt: skip
        assert commands.keys() == daily.keys()
        for place, one in commands.items():
            assert {n: one[n] for n in names} == {n: daily[place][n] for n in names}, place
        assert ("DRIFT" in {one["verdict"] for one in daily.values()}) == (shift == 0.5)

    @pytest.mark.parametrize("shift", [0.0, 0.5], ids=["none", "far"])
    def test_a_versions_own_reference_is_one_for_the_command(self, monitored, shift):
        """The file that the steps read; days of the reference, and extreme scores, count alike."""
        days = [DAY - timedelta(days=n) for n in range(9, 0, -1)]
        reference = pd.concat(
            rows("binary", n=300, seed=n).assign(**{DAY_COLUMN: str(day)})
            for n, day in enumerate(days)
        )
        now = rows("binary", seed=99, shift=shift)
        monitor = monitored("binary", reference, log(now))
        daily = {(one["segment"], one["value"], one["column"]): one
                 for one in drift.judged(monitor, [DAY])[DAY]}  # fmt: skip
        found = compare(folder_of(monitor, "1") / REFERENCE_FILE, table(log(now)))
        commands = {(one["segment"] or "", one["value"] or "", one["name"]): one
                    for one in found.to_dict()["features"]}  # fmt: skip
        assert ("", "", "score: extremes") in commands
        assert commands.keys() == daily.keys()
        names = ("verdict", "reason", "n_reference", "n_current", "effect", "p_value", "p_adjusted")
        for place, one in commands.items():
            assert {n: one[n] for n in names} == {n: daily[place][n] for n in names}, place
        assert ("DRIFT" in {one["verdict"] for one in daily.values()}) == (shift == 0.5)
        assert max(one["usual_effect"] for one in daily.values()) > 0
        assert found.warnings == [
            "not looked at: 'request_id', 'served_at', 'model_version' (not in the reference)"
        ]

    def test_of_a_version_the_command_knows_what_ordinary_days_show(self, monitored):
        days = [DAY - timedelta(days=n) for n in range(20, 0, -1)]
        reference = pd.concat(
            rows("regression", n=300, seed=n, shift=(-1) ** n).assign(**{DAY_COLUMN: str(day)})
            for n, day in enumerate(days)
        )
        now = rows("regression", seed=99, shift=1)
        monitor = monitored("regression", reference, log(now))
        found = compare(folder_of(monitor, "1") / REFERENCE_FILE, table(log(now)))
        verdicts = {one.drift.column: str(one.verdict) for group, one in found.features
                    if not group.segment}  # fmt: skip
        assert (verdicts["income"], verdicts["debt"]) == ("OK", "OK")

    def test_only_the_daily_step_learns_what_is_usual_from_days_of_the_reference(self, monitored):
        """Two tables have no days to learn from: what a column does every day is drift to them."""
        days = [DAY - timedelta(days=n) for n in range(20, 0, -1)]
        reference = pd.concat(
            rows("regression", n=300, seed=n, shift=(-1) ** n).assign(**{DAY_COLUMN: str(day)})
            for n, day in enumerate(days)
        )
        now = rows("regression", seed=99, shift=1)
        monitor = monitored("regression", reference, log(now))
        daily = {one["column"]: one["verdict"] for one in drift.judged(monitor, [DAY])[DAY]
                 if not one["segment"]}  # fmt: skip
        found = compare(reference.drop(columns=["label", DAY_COLUMN]), now.drop(columns="label"))
        command = {one.drift.column: str(one.verdict) for _, one in found.features}
        assert (daily["income"], command["income"]) == ("OK", "DRIFT")
        assert daily["debt"] == command["debt"] == "OK"


class TestEvaluate:
    @pytest.mark.parametrize("task", ["binary", "regression"])
    @pytest.mark.parametrize(
        ("lag_days", "state"),
        [
            pytest.param(1, State.INSUFFICIENT, id="half of the labels are here"),
            pytest.param(3, State.PARTIAL, id="nearly all are here, and more are waited for"),
            pytest.param(5, State.MATURE, id="the wait is over"),
        ],
    )
    def test_metrics_intervals_and_maturity_are_the_same(self, monitored, task, lag_days, state):
        frame, as_of = rows(task), DAY + timedelta(days=lag_days)
        daily, found = both(monitored, task, frame, log(frame), arriving(frame), as_of)
        assert {one.value: one.predictions for one in found.groups[1:]} == {
            group.value: n for group, n in daily.predictions.items() if group.segment
        }
        for one in found.groups:
            group = Group("1", one.by or "", one.value or "")
            assert dict(one.metrics) == daily.metrics[group], group
            assert one.n == daily.outcomes[group].n
        whole = found.whole
        assert whole.coverage == daily.coverage
        assert whole.state == (daily.maturity if daily.judged else State.INSUFFICIENT) == state

    def test_of_several_answers_and_labels_the_same_first_ones_count(self, monitored):
        frame = rows("binary")
        served = log(frame)
        again = served[:200].assign(
            served_at=served["served_at"][:200] + pd.Timedelta("30s"),
            prediction=1 - served["prediction"][:200],
        )
        labels = arriving(frame)
        more = labels[:300].assign(
            label=1 - labels["label"][:300],
            arrived_at=labels["arrived_at"][:300] + pd.Timedelta("20min"),
        )
        daily, found = both(
            monitored, "binary", frame, pd.concat([again, served]), pd.concat([more, labels]),
            DAY + timedelta(days=5),
        )  # fmt: skip
        assert dict(found.whole.metrics) == daily.metrics[WHOLE]
        assert found.predictions.duplicate == 200
        assert found.labels.conflicting == 300

    def test_the_command_calls_rows_mature_once_all_have_a_label(self, monitored):
        """A day may still get more predictions while it is young; two tables are what they are."""
        frame, as_of = rows("binary"), DAY + timedelta(days=4)
        daily, found = both(monitored, "binary", frame, log(frame), arriving(frame, share=1), as_of)
        assert (daily.maturity, found.whole.state) == ("PARTIAL", State.MATURE)


def both(monitored, task, frame, served, labels, as_of):
    """What the daily step knows on *as_of*, and what the command does."""
    monitor = monitored(task, frame, served, labels)
    for n in range((as_of - DAY).days + 1):
        arrived_labels.run(monitor, DAY + timedelta(days=n))
    daily = known_quality.evaluate(monitor, DAY, as_of=as_of)
    return daily, evaluate(
        table(served), table(labels), as_of=as_of, by=["country"], task=task,
        mature_after_days=5, expire_after_days=10,
    )  # fmt: skip


class TestEstimate:
    @pytest.mark.parametrize("shift", [0.0, 1.0], ids=["as the reference", "drifted"])
    def test_of_numbers_they_agree_within_their_intervals(self, monitored, shift):
        """The day has counts of single columns; a command, whose rows are at hand, also looks at
        features together.
        """
        names = [*FEATURES, "prediction"]
        reference = rows("regression")[[*names, "label"]]
        now = rows("regression", seed=1, shift=shift)[[*names, "label"]]
        monitor = monitored("regression", reference, log(now).assign(country="DE"))
        version = reference_of(monitor, "1")
        daily = by_losses(monitor, version, profiles_of(monitor, DAY)[WHOLE])
        [chunk] = estimate(reference, now.drop(columns="label"), chunk_size=N).chunks
        assert chunk.estimated.method == daily.method
        for name in ("mae", "mse", "rmse"):
            ours, theirs = chunk.estimated.metrics[name], daily.metrics[name]
            assert ours.value == pytest.approx(theirs.value, rel=0.1)
            assert theirs.low < ours.value < theirs.high
            assert ours.low < theirs.value < ours.high

    @pytest.mark.parametrize("seed", range(3))
    def test_where_effects_multiply_the_rows_tell_more_than_counts(self, monitored, seed):
        """Both columns widen the errors together, and both have moved by a standard deviation."""
        reference, now = (
            multiplying(np.random.default_rng([seed, moved]), moved) for moved in (0, 1)
        )
        monitor = monitored("regression", reference, log(now).assign(country="DE"))
        daily = by_losses(monitor, reference_of(monitor, "1"), profiles_of(monitor, DAY)[WHOLE])
        [chunk] = estimate(reference, now.drop(columns="label"), chunk_size=N).chunks
        realised = (now["prediction"] - now["label"]).abs().mean()
        ours, theirs = (of.metrics["mae"].value for of in (chunk.estimated, daily))
        assert abs(ours - realised) < abs(theirs - realised)

    def test_of_classes_they_are_as_near_as_counts_are_to_the_rows(self, monitored):
        """The day's scores were counted in bins, apart from its predictions: the rows themselves,
        which only a command has at hand, tell a little more.
        """
        names = [*FEATURES, "score", "prediction"]
        reference = rows("binary")[[*names, "label"]]
        now = rows("binary", seed=1)[[*names, "label"]]
        monitor = monitored("binary", reference, log(now).assign(country="DE"))
        daily = by_confidence(
            monitor,
            reference_of(monitor, "1"),
            profiles_of(monitor, DAY)[WHOLE],
            rng=np.random.default_rng(0),
        )
        [chunk] = estimate(reference, now.drop(columns="label"), chunk_size=N).chunks
        assert chunk.estimated.method == daily.method == "cbpe"
        for name in ("accuracy", "roc_auc", "precision", "recall", "log_loss", "brier"):
            near = pytest.approx(daily.metrics[name].value, abs=0.005)
            assert chunk.estimated.metrics[name].value == near, name
