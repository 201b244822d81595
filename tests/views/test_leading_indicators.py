"""What went before losses is found in stored results alone, said in words, and drawn."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.measure.service_signals import answer_signals
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches, profiles_to_table
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.models.registry import ModelVersion
from monitoring_dagster.store.monitor import House
from monitoring_dagster.store.references.version_reference import reference_of
from monitoring_dagster.views.leading_indicators import announcements
from tests.world import START, attributes, day_after

DAYS, A_DAY, COVERED = 180, 1000, 310
STARTS = [40, 75, 113, 148]  # of losses
LASTING, LEAD, LABELS_AFTER = 10, 21, 7
HOSTILE = "<script>\x1b[31m"
PLANTED, NOISE = f"drift.psi ({HOSTILE})", ("age", "debt", "plan")


def losing(shift=0):
    """1 on days of a loss, and the same some days before."""
    on = np.zeros(DAYS)
    for start in STARTS:
        on[start - shift :][:LASTING] = 1
    return on


class Registry:
    """Knows one version, and the rows that it was trained on."""

    def describe(self, name, version):
        return ModelVersion(
            name=name, version=version, run_id="run", created_at=datetime(2026, 3, 1, tzinfo=UTC),
            task="binary", features=(), training_window=None, metrics={"log_loss": 0.5},
            importances={}, parameters={}, library_versions={}, code_hash=None, tags={},
        )  # fmt: skip

    def reference(self, name, version):
        score = np.tile([0.2, 0.8], 50)
        return pa.table({"score": score, "prediction": (score > 0.5).astype(int)})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Half a year of results as the steps keep them, and no raw row."""
    root = tmp_path_factory.mktemp("indicators")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)  # it need not survive a power cut
        write(monitored(root))
    return root


def write(monitor):
    rng, results, whole = np.random.default_rng(11), monitor.results, Group("1")
    bins = {"1": {"score": reference_of(monitor, "1").bins["score"]}}
    psi = {
        HOSTILE: 0.05 + 0.2 * losing(LEAD) + rng.normal(0, 0.03, DAYS),
        **{name: rng.normal(0.05, 0.02, DAYS) for name in (*NOISE, "score")},
    }
    for n, lost in enumerate(losing().tolist()):
        day = day_after(START, n)
        service = {"rows": A_DAY, "counted": A_DAY, "error_rate": 0.01, "versions": {"1": A_DAY}}
        sure = rng.normal(0.7 if lost else 0.8, 0.02, 30)
        scores = pa.record_batch({"version": ["1"] * 30, "score": sure})
        profiles = profile_batches([scores], bins, version="version")
        seen = answer_signals(day, profiles, answers=["score"], bins=bins, has_probabilities=True)
        notes = noted([Signal.on(day, "service.error_rate", 0.01, n=A_DAY), *seen])
        results.write(
            "tiny", "profile", day, profiles_to_table(profiles),
            metadata={"service": json.dumps(service), **notes},
        )  # fmt: skip
        records = [
            {**whole._asdict(), "baseline": "training", "column": name, "kind": "numeric",
             "role": "answer" if name == "score" else "feature", "verdict": "OK",
             "psi": values[n], "effect": 0.0, "n_current": A_DAY, "importance": 1.0}
            for name, values in psi.items()
        ]  # fmt: skip
        psis = noted(
            Signal.on(day, "drift.psi", values[n], subject=name, version="1", n=A_DAY,
                      baseline_name="training")
            for name, values in psi.items()
        )  # fmt: skip
        table = pa.Table.from_pylist(records, schema=drift.SCHEMA)
        results.write("tiny", "drift", day, table, metadata=psis)
        estimates = [
            {**whole._asdict(), "metric": "log_loss", "method": "cbpe",
             "estimate": 0.5 + 0.2 * lost + rng.normal(0, 0.05), "low": 0.0, "high": 1.0,
             "n": A_DAY}
        ]  # fmt: skip
        expected = Signal.on(
            day, "estimate.log_loss", estimates[0]["estimate"], version="1", n=A_DAY
        )
        table = pa.Table.from_pylist(estimates, schema=estimate.SCHEMA)
        results.write("tiny", "estimate", day, table, metadata=noted([expected]))
        score = rng.choice([0.2, 0.8], COVERED)
        right = rng.random(COVERED) < (0.6 if lost else 0.8)
        said = (score > 0.5).astype(int)
        told = Outcomes.of(
            "binary", label=np.where(right, said, 1 - said), prediction=said, score=score
        )
        arrival = day_after(day, LABELS_AFTER)
        came = Signal.on(arrival, "labels.per_prediction", COVERED / A_DAY, n=A_DAY)
        account = json.dumps({"rows": COVERED, "by_day": {str(day): COVERED}})
        notes = {"account": account, **noted([came])}
        table = outcomes_to_table({(day, whole): told})
        results.write("tiny", "outcomes", arrival, table, metadata=notes)


def monitored(root, **changed):
    """The model, whose labels come a week late and are few."""
    labels = {"path": "labels/{day}.parquet", "mature_after_days": 10, "min_coverage": 0.2}
    rules = {"performance": {"log_loss": {"absolute": 0.1}}}
    spec = attributes() | {"labels": labels, "rules": rules} | changed
    house = House.at(root)
    vars(house)["registry"] = Registry()
    return house.monitor(ModelSpec.model_validate(spec))


@pytest.fixture(scope="module")
def found(root):
    """All that is found in it, beside complaints: more of them while the model is wrong."""
    rng = np.random.default_rng(12)
    rates = 0.02 + 0.01 * losing() + rng.normal(0, 0.004, DAYS)
    lines = [f"{day_after(START, n)},{rate}" for n, rate in enumerate(rates.tolist())]
    (root / "complaints.csv").write_text("\n".join(["day,rate", *lines]))
    signals = {"complaints": {"path": "complaints.csv", "value": "rate"}}
    return announcements(monitored(root, signals=signals), rng=np.random.default_rng(0))


@pytest.fixture
def command(root, monkeypatch):
    """Type it in the folder of the planted model; returns exit code, output and complaint."""

    def typed(*words, **changed):
        project = SimpleNamespace(monitor=lambda name: monitored(root, **changed), broken={})
        monkeypatch.setattr(here, "project", lambda: project)
        found = CliRunner().invoke(
            cli.main, ["model", "leading-indicators", "tiny", *words], catch_exceptions=False
        )
        return found.exit_code, found.stdout, found.stderr

    return typed


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param({"rows": 0}, COVERED / A_DAY, id="predictions that were not counted"),
        pytest.param(
            {"rows": 200, "counted": 200}, (200 + COVERED) / (200 + A_DAY), id="files grown since"
        ),
    ],
)
def test_labels_never_cover_more_than_the_predictions(root, tmp_path, service, expected):
    """Labels of predictions that the profile did not see are no share of those that it saw."""
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    monitor = monitored(tmp_path)
    table = monitor.results.read("tiny", "profile", START).replace_schema_metadata(None)
    for n in range(0, DAYS, 2):
        notes = {"service": json.dumps(service)}
        monitor.results.write("tiny", "profile", day_after(START, n), table, metadata=notes)
    found = announcements(monitor, rng=np.random.default_rng(0))
    assert found.coverage == pytest.approx(expected, abs=0.005)


def proxy(found, name):
    return next(one for one in found.indicators if one.name == name)


def test_a_planted_lead_is_recovered_and_noise_is_called_noise(found):
    planted = proxy(found, PLANTED)
    assert planted.lead.days == pytest.approx(LEAD, abs=2)
    assert planted.suggested.hits >= 3
    falls = {one.name: one.lead.direction < 0 for one in found.indicators if one.related}
    assert falls == {
        PLANTED: False,
        "estimate.log_loss": False,
        "prediction.mean (score)": True,
        "prediction.confidence (score)": True,
        "complaints": False,
    }


def test_the_most_useful_come_first(found):
    gains = [one.suggested.gain if one.suggested else 0.0 for one in found.indicators]
    assert gains == sorted(gains, reverse=True)
    assert found.indicators[0].name == PLANTED


def test_every_planted_loss_is_announced_before_it_and_before_its_labels(found):
    assert [one.first for one in found.losses] == [day_after(START, n) for n in STARTS]
    for one in found.indicators:
        told = [loss for loss in found.losses if one.name in loss.announced_on]
        assert len(told) == (one.suggested.hits if one.suggested else 0)
    early = [one for one in found.losses if PLANTED in one.announced_on]
    assert early
    for one in early:
        assert one.labelled_on == day_after(one.first, LABELS_AFTER)
        assert one.announced_on[PLANTED] < one.first < one.labelled_on
    assert median((one.first - one.announced_on[PLANTED]).days for one in early) == pytest.approx(
        LEAD, abs=2
    )


def test_words_put_the_useful_first_noise_in_one_line_and_feedback_beside_coverage(found):
    first, best, *lines = found.lines
    assert first == (
        f"log_loss of tiny, {START} to {day_after(START, DAYS - 1)}: known on 180 of 180 days,"
        " 4 losses"
    )
    assert best.startswith("drift.psi (<script>\\x1b[31m) rises 2")
    (noise,) = [one.partition(": ")[2] for one in lines if one.startswith("no relation")]
    assert sorted(noise.split(", ")) == sorted(f"drift.psi ({one})" for one in (*NOISE, "score"))
    (unknown,) = [one for one in lines if one.startswith("too little known, or constant: ")]
    assert {"service.error_rate", "labels.per_prediction"} <= set(
        unknown.split(": ")[1].split(", ")
    )
    (feedback,) = [one for one in lines if one.startswith("labels cover 31% of predictions; ")]
    assert "complaints moves with how bad log_loss is: correlation 0." in feedback
    alerted = found.losses[0].announced_on[PLANTED]
    (loss,) = [one for one in lines if one.startswith(f"loss from {found.losses[0].first} to ")]
    assert f"alerted on {alerted}; " in loss
    assert loss.endswith(f"; labels could show it on {found.losses[0].labelled_on}")
    assert all(one.isprintable() for one in found.lines)


def test_what_is_not_known_is_null(found):
    empty = replace(found, coverage=float("nan")).to_dict()
    assert empty["coverage"] is None
    assert found.to_dict() | {"coverage": None} == empty


def test_a_picture_shows_every_related_signal_and_runs_nothing(found):
    svg = ElementTree.fromstring(found.picture())
    texts = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "complaints" in texts
    assert f"blue: {proxy(found, PLANTED).lead.days} days later than it came" in texts
    assert sum("later than it came" in one for one in texts) == 5
    page = found.page()
    assert page.count("<p>") == len(found.lines)
    assert found.picture() in page
    assert "<script>" not in page


def test_dear_false_alarms_and_another_metric_of_a_part_of_the_days(command):
    last = str(day_after(START, 129))
    code, out, _ = command("--metric", "accuracy", "--to", last, "--cost-of-miss", "0", "--json")
    assert code == 0
    found = json.loads(out, parse_constant=pytest.fail)
    assert (found["metric"], found["last"], found["known_days"]) == ("accuracy", last, 130)
    assert [one["first"] for one in found["losses"]] == [
        str(day_after(START, n)) for n in STARTS[:3]
    ]
    related = [one for one in found["signals"] if one["related"]]
    assert related
    assert [one["suggested"] for one in related] == [None] * len(related)


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_few_labels_are_no_quality_and_the_way_out_is_told_and_drawn(command, on_disk, ending):
    file = on_disk / f"indicators.{ending}"
    labels = {"path": "labels/{day}.parquet", "min_coverage": 0.8}
    code, out, _ = command("--to", str(day_after(START, 9)), "--plot", str(file), labels=labels)
    assert code == 0
    assert "known on 0 of 10 days, 0 losses; labels.min_coverage asks for 80%" in out
    assert "no signal is related to it" in file.read_text()
    assert file.read_text().startswith({"svg": "<svg", "html": "<!doctype html>"}[ending])


@pytest.mark.parametrize(
    ("words", "changed", "said"),
    [
        pytest.param(["--metric", "log_los"], {}, "Did you mean 'log_loss'", id="metric"),
        pytest.param(["--to", "2020-01-01"], {}, "no day in that range is stored", id="days"),
        pytest.param(["--cost-of-miss", "nan"], {}, "a cost of nan cannot be", id="no price"),
        pytest.param(["--cost-of-miss", "-1"], {}, "a cost of -1.0 cannot be", id="below 0"),
        pytest.param(["--plot", "x.png"], {}, "neither in .svg nor in .html", id="picture"),
        pytest.param(["--plot", "/nowhere/x.svg", "--to", str(START)], {}, "No such file",
                     id="folder of the picture"),
        pytest.param([], {"labels": None, "retraining": None}, "labels", id="without labels"),
        pytest.param([], {"signals": {"chat": {"path": "chat.csv"}}}, "chat.csv: no such file",
                     id="signal without a file"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_2(command, words, changed, said):
    code, out, complaint = command(*words, **changed)
    assert (code, out) == (2, "")
    assert said in complaint
