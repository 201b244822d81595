"""Every number that is stored equals what scikit-learn and SciPy say of the raw rows."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn import metrics as sk

from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.orchestration.dg_project import Project
from monitoring_dagster.spec import Feature
from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import Maturity
from monitoring_dagster.store.days.known_labels import account_of
from monitoring_dagster.store.days.profiles import profiles_of, service_of
from monitoring_dagster.store.references.version_reference import reference_of
from tests.world import FEATURES, START, World, day_after

EXACT = 1e-12
BINNED = {"roc_auc": 1e-4, "average_precision": 1e-3}  # over 8,192 bins of the score


def binary(rows):
    y, said, score = rows["label"], rows["prediction"], rows["score"]
    return {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "precision": sk.precision_score(y, said),
        "recall": sk.recall_score(y, said),
        "f1": sk.f1_score(y, said),
        "log_loss": sk.log_loss(y, score),
        "brier": sk.brier_score_loss(y, score),
        "roc_auc": sk.roc_auc_score(y, score),
        "average_precision": sk.average_precision_score(y, score),
        "bias": score.mean() - y.mean(),
    }


def multiclass(rows):
    y, said = rows["label"], rows["prediction"]
    return {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "precision": sk.precision_score(y, said, average="macro"),
        "recall": sk.recall_score(y, said, average="macro"),
        "f1": sk.f1_score(y, said, average="macro"),
    }


def regression(rows):
    y, said = rows["label"], rows["prediction"]
    return {
        "mae": sk.mean_absolute_error(y, said),
        "rmse": sk.root_mean_squared_error(y, said),
        "mse": sk.mean_squared_error(y, said),
        "r2": sk.r2_score(y, said),
        "bias": (said - y).mean(),
    }


SCIKIT = {"binary": binary, "multiclass": multiclass, "regression": regression}


@pytest.fixture(scope="session", params=["binary", "multiclass", "regression"])
def lived(request, founded, tmp_path_factory):
    """A world of each task that has lived for six days."""
    if request.param == "binary":
        return founded
    root = tmp_path_factory.mktemp(request.param)
    world = founded.copied_to(root)
    for left in ("data", ".monitoring/results", ".monitoring/references"):
        (root / left).rename(root / f"{left}.binary")
    changed = {"registered_model": f"tiny_{request.param}"}
    world = World(root, request.param, spec_changes=changed)
    world.train_first()
    world.live(6, acts=False)
    return world


def test_a_day_is_as_good_as_scikit_learn_says_of_the_joined_rows(lived):
    """As a whole and in every segment."""
    found = evaluate(lived.monitor, START, as_of=day_after(START, 5))
    rows = lived.joined(START)
    parts = {Group("1"): rows} | {
        Group("1", "country", name): part for name, part in rows.groupby("country")
    }
    assert found.metrics.keys() == parts.keys()
    for group, part in parts.items():
        check_quality(found.metrics[group], SCIKIT[lived.task](part), len(part))


def check_quality(found, expected, rows, **allowed):
    """*allowed* says of a metric how far it may be off, where that is known of its rows."""
    assert found["accuracy" if "accuracy" in expected else "mae"].n == rows
    for name, value in expected.items():
        exact = allowed.get(name, BINNED.get(name, EXACT))
        assert found[name].value == pytest.approx(value, rel=exact, abs=exact), name


def test_a_column_has_drifted_as_far_as_scipy_says_of_the_raw_rows(lived):
    reference = lived.monitor.registry.reference(lived.spec.mlflow_name, "1").to_pandas()
    today = pd.read_parquet(lived.file("predictions", START))
    today = today[(today["status"] == "ok") & ~today["synthetic"]]
    rows = lived.monitor.results.read("tiny", "drift", START).to_pylist()
    whole = {row["column"]: row for row in rows if not row["segment"]}
    answers = {"prediction"}
    if lived.task != "regression":
        answers |= {"score", "score: extremes"}
        reference["score: extremes"] = extreme(reference["score"])
        today["score: extremes"] = extreme(today["score"])
    assert whole.keys() == {*FEATURES, "country", *answers}
    bins = reference_of(lived.monitor, "1").bins
    for column, row in whole.items():
        check_drift(row, reference[column], today[column])
        if isinstance(bins[column], NumericBins):
            check_psi_of_deciles(row, bins[column], reference[column], today[column])


def extreme(scores):
    return np.select([scores < 0.05, scores > 0.95], ["below 0.05", "above 0.95"], "0.05 to 0.95")


def check_drift(row, before, now):
    """Certified intervals hold the exact distances; over categories there is nothing to bound."""
    before, now = before.dropna(), now.dropna()
    if row["kind"] == "numeric":
        ks = ks_2samp(before, now).statistic
        assert row["ks_low"] - EXACT <= ks <= row["ks_high"] + EXACT
        moved = wasserstein_distance(before, now)
        room = 1e-9 * max(abs(before.mean()), 1)
        assert row["wasserstein_low"] - room <= moved <= row["wasserstein_high"] + room
        assert row["mean_current"] == pytest.approx(now.mean(), rel=1e-9)
        assert row["sd_current"] == pytest.approx(now.std(), rel=1e-6)
        return
    levels = before.astype(str).value_counts().index[:20]
    counts = [
        [*(side.astype(str) == level for level in levels), ~side.astype(str).isin(levels)]
        for side in (before, now)
    ]
    check_histograms(row, *(np.array([cell.sum() for cell in side]) for side in counts))


def check_psi_of_deciles(row, bins, before, now):
    """Ten groups of fine bins with about a tenth of the reference each."""
    fine = [
        np.bincount(np.searchsorted(bins.edges, side, side="left"), minlength=bins.size)
        for side in (before, now)
    ]
    upto = np.cumsum(fine[0])
    ends = np.searchsorted(upto, np.arange(1, 10) * len(before) / 10 - 1e-9) + 1
    starts = np.unique([0, *ends[ends < bins.size]])
    check_histograms(row, *(np.add.reduceat(side, starts) for side in fine))


def check_histograms(row, before, now):
    p, q = before / before.sum(), now / now.sum()
    assert row["jensen_shannon"] == pytest.approx(jensenshannon(p, q, base=2), abs=1e-9)
    if (before > 0).all() and (now > 0).all():
        assert row["psi"] == pytest.approx(np.sum((p - q) * np.log(p / q)), rel=1e-9)


def test_what_was_known_on_a_day_is_the_same_whenever_it_is_asked(founded):
    """Labels that came later are not looked at, and those of the day are all of scikit-learn's."""
    for lag in range(4):
        as_of = day_after(START, lag)
        found = evaluate(founded.monitor, START, as_of=as_of)
        rows = founded.joined(START, as_of=as_of)
        assert found.metrics[Group("1")]["log_loss"].n == len(rows)
        means = {name: binary(rows)[name] for name in ("log_loss", "brier", "accuracy", "f1")}
        check_quality(found.metrics[Group("1")], means, len(rows))
        assert found.coverage == pytest.approx(len(rows) / 295)
    stages = [evaluate(founded.monitor, START, as_of=day_after(START, n)) for n in (-1, 2, 3, 5)]
    assert [(one.maturity, one.judged) for one in stages] == [
        (Maturity.PENDING, False),
        (Maturity.PARTIAL, False),
        (Maturity.PARTIAL, True),
        (Maturity.MATURE, True),
    ]


def test_late_labels_revise_exactly_the_days_that_they_belong_to(world):
    days = world.days()
    world.revise(days)
    before = {day: world.monitor.results.read("tiny", "evaluation", day) for day in days}
    world.live(1, acts=False)
    world.revise(days)
    revised = [
        day
        for day in days
        if world.monitor.results.read("tiny", "evaluation", day).drop_columns(["as_of", "maturity"])
        != before[day].drop_columns(["as_of", "maturity"])
    ]
    assert revised == days[-3:]


def test_probes_errors_and_fallbacks_are_counted_and_never_judged(world):
    """Their answers are nonsense, and nobody's quality suffers."""
    log = world.served(world.today)
    odd = (log["status"] != "ok") | log["synthetic"]
    log.loc[10:29, "status"] = "fallback"
    odd |= log["status"] == "fallback"
    log.loc[odd, ["score", "income"]] = [0.0, 1e6]
    world.write(world.today, log=log)
    day, world.today = world.today, day_after(world.today)
    world.monitored(day)
    world.live(3, acts=False)
    service = service_of(world.monitor, day)
    counts = {
        name: service[name] for name in ("rows", "counted", "errors", "fallback", "synthetic")
    }
    assert counts == {"rows": 300, "counted": 275, "errors": 2, "fallback": 20, "synthetic": 3}
    whole = profiles_of(world.monitor, day)[Group("1")]
    assert whole.columns["income"].maximum < 1000
    found = evaluate(world.monitor, day, as_of=world.today)
    rows = world.joined(day)
    assert len(rows) == 275
    check_quality(found.metrics[Group("1")], binary(rows), 275)
    assert found.coverage == 1
    assert sum(account_of(world.monitor, day_after(day, n))["uncounted"] for n in range(4)) >= 25


@pytest.mark.parametrize(
    ("declared", "profiled"),
    [
        pytest.param(None, set(FEATURES), id="by default all that the MLflow signature names"),
        pytest.param(["income", "plan"], {"income", "plan"}, id="else those that are declared"),
    ],
)
def test_features(world, declared, profiled):
    if declared:
        world.spec_changes = {"features": [Feature(name=name).model_dump() for name in declared]}
        (world.root / ".monitoring/references").rename(world.root / "old")
    profile.run(world.monitor, START)
    columns = profiles_of(world.monitor, START)[Group("1")].columns
    assert columns.keys() == profiled | {"score", "score: extremes", "prediction", "country"}


def ties(rows):
    """How far an area may be off where scores of one bin count as equal: half of the pairs of a one
    and a zero whose scores may lie in one bin, which is 0.001 wide at most."""
    score, ones = rows["score"].to_numpy(), rows["label"].to_numpy() == 1
    apart = np.abs(score[ones][:, None] - score[~ones])
    return ((apart > 0) & (apart < 0.001)).mean() / 2


def check_demo(root):
    """Five days of the demo: what is stored equals scikit-learn and SciPy on the raw rows."""
    monitor = Project.at(root).monitor("flight_delay")
    spec = monitor.spec
    days = monitor.results.days(spec.name, "evaluation")[:-14]
    for day in days[:: max(len(days) // 5, 1)][:5]:
        log = pd.read_parquet(root / spec.predictions.path.format(day=day))
        log = log[(log["status"] == "ok") & ~log["synthetic"]]
        arrivals = [day + timedelta(days=n) for n in range(spec.labels.mature_after_days + 1)]
        files = [root / spec.labels.path.format(day=one) for one in arrivals]
        told = pd.concat([pd.read_parquet(file) for file in files if file.exists()])
        rows = log.merge(told.dropna(subset="label"), on="request_id")
        found = evaluate(monitor, day, as_of=arrivals[-1]).metrics
        drift = monitor.results.read(spec.name, "drift", day).to_pylist()
        for version, part in rows.groupby("model_version"):
            check_quality(found[Group(version)], binary(part), len(part), roc_auc=ties(part))
            reference = monitor.registry.reference(spec.mlflow_name, version).to_pandas()
            mine = [row for row in drift if row["version"] == version and not row["segment"]]
            today = log[log["model_version"] == version]
            numeric = [row for row in mine if row["kind"] == "numeric"]
            assert len(numeric) == 13  # twelve numbers and the score
            for row in numeric:
                check_drift(row, reference[row["column"]], today[row["column"]])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Dagster reads YAML the old way
def test_the_demo_says_what_scikit_learn_and_scipy_say():
    root = Path(__file__).parents[2]
    marker = root / ".monitoring" / "demo.json"
    if not (marker.exists() and json.loads(marker.read_text())["finished"]):
        pytest.skip("no finished demo: make demo")
    check_demo(root)
