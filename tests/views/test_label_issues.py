"""Wrong labels are found among many right ones, and only a decision takes one away."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, log_loss

from monitoring_dagster import cli
from monitoring_dagster.act.deciding import decide
from monitoring_dagster.cli import here
from monitoring_dagster.judge import revisions
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.spec import FurtherLabels
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.label_quality import UnusableErrorRate
from monitoring_dagster.store.ledger.decided.label_decisions import Decision
from monitoring_dagster.views.label_issues import NoLabelIssues, label_issues
from tests.world import START, as_table, attributes, day_after, stated

FLIPPED = 0.05
FORMULA = "=HYPERLINK(1)\x1b[2J"


@pytest.fixture(scope="module")
def mislabelled(founded, tmp_path_factory):
    """The founded world, one label in twenty of which says the opposite; and which."""
    world = founded.copied_to(tmp_path_factory.mktemp("mislabelled"))
    rng = np.random.default_rng(5)
    wrong = []
    for day in world.days():
        labels = world.arriving(day)
        chosen = labels.index.to_numpy() < 0
        chosen[rng.choice(len(labels), round(FLIPPED * len(labels)), replace=False)] = True
        labels.loc[chosen, "label"] ^= 1
        wrong += labels.loc[chosen, "request_id"].tolist()
        pq.write_table(as_table(labels), world.file("labels", day))
    for day in world.days():
        outcomes.run(world.monitor, day)
    return world, wrong


@pytest.fixture
def own(mislabelled, tmp_path, ledger_url):
    """A copy, with a ledger on each database."""
    world = mislabelled[0].copied_to(tmp_path)
    world.house = replace(world.house, ledger_url=ledger_url)
    return world


def known(monitor, day, as_of):
    """What is said of the quality of version 1."""
    found = evaluate(monitor, day, as_of=as_of).metrics[Group("1")]
    return {name: found[name].value for name in ("accuracy", "log_loss")} | {
        "n": found["accuracy"].n
    }


def by_pandas(world, day, as_of, without=()):
    rows = world.joined(day, as_of=as_of)
    rows = rows[~rows["request_id"].isin(without)]
    return {
        "accuracy": accuracy_score(rows["label"], rows["prediction"]),
        "log_loss": log_loss(rows["label"], rows["score"]),
        "n": len(rows),
    }


def test_of_as_many_suspects_as_wrong_labels_six_times_more_are_wrong_than_by_chance(mislabelled):
    """Ranked, of every label that is known; and looking changes nothing."""
    world, wrong = mislabelled
    before, done = world.memory(), []
    found = label_issues(world.monitor, today=world.today, limit=len(wrong), advance=done.append)
    assert np.isin([one.request_id for one in found.labels], wrong).mean() > 6 * FLIPPED
    assert found.labelled == sum(len(world.joined(day)) for day in world.days())
    weights = [one.weight for one in found.labels]
    assert weights == sorted(weights, reverse=True)
    assert sum(done) == len(world.days())
    assert world.memory() == before


def test_a_suspect_says_what_speaks_against_it(mislabelled):
    """With the row as it was served."""
    world, _ = mislabelled
    one = label_issues(world.monitor, today=world.today, first=START, last=START, limit=1).labels[0]
    row = world.joined(START).set_index("request_id").loc[one.request_id]
    likely = 1 - row["label"]
    assert (one.day, one.version, one.label, one.likely) == (
        START, "1", str(row["label"]), str(likely),
    )  # fmt: skip
    assert one.probability == pytest.approx(row["score"] if likely else 1 - row["score"])
    assert (one.votes, one.voters) == (0, 0), "one opinion is no consensus"
    assert one.words == f"{START}  {one.request_id}  version 1: {one.reason}"


def test_what_wrong_labels_do_to_the_accuracy_is_told(mislabelled):
    """By the suspected share, or the one that somebody measured."""
    world, _ = mislabelled
    monitor, today = world.monitor, world.today
    found = label_issues(monitor, today=today)
    assert found.error_rate == found.suspected / found.labelled
    measured = label_issues(monitor, today=today, error_rate=FLIPPED)
    truth = pd.concat(world.rows(day) for day in world.days()).set_index("request_id")["label"]
    rows = pd.concat(world.joined(day) for day in world.days())
    against_truth = (rows["prediction"] == rows["request_id"].map(truth)).mean()
    assert measured.accuracy.low <= against_truth <= measured.accuracy.high
    assert measured.accuracy.value > (rows["prediction"] == rows["label"]).mean()
    with pytest.raises(UnusableErrorRate):
        label_issues(monitor, today=today, error_rate=0.5)


def test_after_a_decision_the_day_is_as_if_the_rows_had_no_label_and_before_it_as_it_was(own):
    """On each database; keep brings them back."""
    monitor, eve = own.monitor, day_after(own.today, -1)
    found = label_issues(monitor, today=own.today, first=START, last=START, limit=6)
    ids = [one.request_id for one in found.labels]
    now = datetime.combine(own.today, time(12), UTC)
    for days, decision, without in ((0, Decision.DISCARD, ids), (2, Decision.KEEP, [])):
        decide(monitor, ids, decision, reason="looked", by="ada", now=now + timedelta(days=days))
        as_of = day_after(own.today, days)
        assert known(monitor, START, as_of) == pytest.approx(by_pandas(own, START, as_of, without))
        left = label_issues(monitor, today=as_of, first=START, last=START)
        assert not {one.request_id for one in left.labels} & set(ids)
        assert left.labelled == found.labelled - len(without)
        assert left.kept == len(ids) - len(without)
    as_they_were = by_pandas(own, START, eve)
    assert known(monitor, START, eve) == pytest.approx(as_they_were)
    assert known(monitor, START, own.today)["n"] == as_they_were["n"] - len(ids)


def test_a_verdict_that_a_decision_changes_is_told(mislabelled, tmp_path):
    """As one that late labels change, and in words of its own."""
    world = mislabelled[0].copied_to(tmp_path)
    world.spec_changes = {"labels": attributes()["labels"] | {"min_coverage": 0.1}}
    rows = world.joined(START)
    right = (rows["label"] - rows["score"]).abs().nsmallest(200).index
    noon = datetime.combine(world.today, time(12), UTC)
    best = rows.loc[right, "request_id"].tolist()
    decide(world.monitor, best, Decision.DISCARD, reason="too good", by="ada", now=noon)
    found = stated(
        world.monitor, world.today, revisions.revision_signals(world.monitor, world.today)
    )
    assert [one.subject for one in found] == [f"log_loss of {START}"]
    assert found[0].words.startswith(
        f"labels that were discarded or restored change the verdict on {START}: log_loss of"
    )


def opinion(world, source, labels):
    """Let another source say something of requests of the first day."""
    path = world.root / "data" / source / f"{START}.parquet"
    path.parent.mkdir(parents=True)
    frame = pd.DataFrame({"request_id": list(labels), "label": list(labels.values())})
    pq.write_table(as_table(frame.assign(arrived_at=pd.Timestamp(START))), path)
    world.spec_changes.setdefault("further_labels", {})[source] = {
        "path": f"data/{source}/{{day}}.parquet"
    }


def test_further_labels_have_a_vote_each_and_so_has_the_prediction(mislabelled, tmp_path):
    """Of three opinions two that agree against the label make it suspect, whatever the score."""
    world = mislabelled[0].copied_to(tmp_path)
    rows = world.joined(START)
    unsure = rows[(rows["score"] - 0.5).abs() < 0.2].head(4).set_index("request_id")
    others = 1 - unsure["label"]
    opinion(world, "human", others[:3].to_dict())
    opinion(world, "weak", {others.index[0]: others.iloc[0], others.index[1]: others.iloc[1],
                            others.index[3]: others.iloc[3]})  # fmt: skip
    asked = {"today": world.today, "first": START, "last": START, "limit": 1000}
    found = {one.request_id: one for one in label_issues(world.monitor, **asked).labels}
    for n, voters in enumerate([3, 3, 2, 2]):
        id_, against = others.index[n], unsure["prediction"].iloc[n] == others.iloc[n]
        votes = voters - 1 + against
        if 2 * votes > voters:
            one = found[id_]
            assert (one.votes, one.voters, one.likely) == (votes, voters, str(others.iloc[n]))
            assert f"{votes} of {voters} opinions say '{others.iloc[n]}'" in one.reason


def test_without_anything_to_compare_with_it_says_what_is_missing(mislabelled):
    """Numbers have no classes, and a prediction alone is no second opinion."""
    monitor = mislabelled[0].monitor
    numbers = monitor.spec.model_copy(update={"task": "regression"})
    log = monitor.spec.predictions.model_copy(update={"score": None})
    bare = monitor.spec.model_copy(update={"predictions": log})
    for spec, words in [(numbers, "predicts numbers"), (bare, "logs no score")]:
        with pytest.raises(NoLabelIssues, match=words):
            label_issues(replace(monitor, spec=spec), today=START)
    human = {"human": FurtherLabels(path="human/{day}.parquet")}
    alone = bare.model_copy(update={"further_labels": human})
    found = label_issues(replace(monitor, spec=alone), today=mislabelled[0].today)
    assert (found.suspected, found.labels) == (0, ())


def test_days_without_labels_have_no_suspects(mislabelled):
    later = day_after(mislabelled[0].today, 9)
    found = label_issues(mislabelled[0].monitor, today=later, first=later)
    assert (found.first, found.labelled, found.labels, found.accuracy) == (later, 0, (), None)
    assert "0 of 0 labels, of predictions" in found.words


@pytest.fixture
def typed(mislabelled, tmp_path, monkeypatch):
    """Type a command in a copy of which one id is an attack; returns its words."""
    world = mislabelled[0].copied_to(tmp_path)
    (worst,) = label_issues(world.monitor, today=world.today, limit=1).labels
    for path in (world.root / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        ids = [
            FORMULA if one == worst.request_id else one for one in table["request_id"].to_pylist()
        ]
        table = table.set_column(
            table.column_names.index("request_id"), "request_id", pa.array(ids)
        )
        pq.write_table(table, path)

    project = SimpleNamespace(monitor=lambda name: world.monitor, broken={})
    monkeypatch.setattr(here, "project", lambda: project)
    monkeypatch.setenv("USER", "ada")

    def run(*words):
        found = CliRunner().invoke(cli.main, words)
        assert found.exit_code == 0, found.output
        return found.stdout

    return world, run


def test_typed_they_are_listed_written_decided_about_and_gone(typed, on_disk):
    """Nothing in an id runs in a terminal or in a spreadsheet."""
    world, run = typed
    path = on_disk / "suspects.csv"
    first, *_, summary, accuracy = run("labels", "issues", "tiny", "--csv", str(path)).splitlines()
    assert repr(FORMULA) in first
    assert "a suspected label may well be right" in summary
    assert "against the truth" in accuracy
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["request_id"] == "'" + FORMULA
    assert 1 < len(rows) <= 100
    words = run("labels", "decide", "tiny", "discard", FORMULA, rows[1]["request_id"],
                "--reason", "looked at them")  # fmt: skip
    assert words.startswith("2 labels discarded: ")
    said = world.monitor.ledger.label_decisions.of("tiny")
    assert [(one.by, one.reason, one.request_id) for one in said] == [
        ("ada", "looked at them", one) for one in (FORMULA, rows[1]["request_id"])
    ]
    left = run("labels", "issues", "tiny", "--limit", "1", "--json", "--error-rate", "0.05")
    found = json.loads(left)
    assert [one["request_id"] for one in found["label_issues"]] == [rows[2]["request_id"]]
    assert found["error_rate"] == 0.05
