"""A discarded label counts no more from the day of the decision on, and not a day earlier."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.act.deciding import UnknownRequest, decide
from monitoring_dagster.measure.quality.arrivals import arrivals_of
from monitoring_dagster.measure.quality.arrived_labels import run
from monitoring_dagster.sources.labels.labels import labelled_rows
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.model import NoLabels
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.known_labels import (
    DECISIONS,
    account_of,
    known_outcomes,
    labels_on,
    outcomes_by_day,
)
from monitoring_dagster.store.ledger.decided.label_decisions import (
    Decision,
    LabelDecision,
    UnstorableRequest,
)
from monitoring_dagster.store.monitor import House

START, DAYS, ACCEPTED = date(2025, 3, 3), 6, 3
ALL = Group("1")
DISCARD, KEEP = Decision.DISCARD, Decision.KEEP
PREDICTIONS = {0: ["a", "b"], 1: ["c"], 4: ["a"]}


def spec_with(**changed):
    labels = {"path": "told/{day}.parquet", "mature_after_days": 1, "expire_after_days": ACCEPTED}
    body = {
        "name": "tiny", "owner": "team:small", "task": "binary", "first_day": START,
        "predictions": {"path": "served/{day}.parquet", "score": "score"},
        "labels": labels | {"keep": changed.pop("keep", "last")},
    }  # fmt: skip
    return ModelSpec.model_validate(body | changed)


def on(day):
    return START + timedelta(days=day)


def at(day, hour=12):
    return datetime.combine(on(day), datetime.min.time(), UTC) + timedelta(hours=hour)


def put(root, folder, day, columns):
    (root / folder).mkdir(exist_ok=True, parents=True)
    pq.write_table(pa.table(columns), root / folder / f"{on(day)}.parquet")


def serve(root, day, ids):
    """Predictions of 1."""
    put(root, "served", day, {
        "request_id": pa.array(ids, pa.string()),
        "served_at": pa.array([at(day)] * len(ids), pa.timestamp("us", "UTC")),
        "model_version": pa.array(["1"] * len(ids), pa.string()),
        "prediction": pa.array([1] * len(ids), pa.int64()),
        "score": pa.array([0.9] * len(ids), pa.float64()),
        "amount": pa.array([100.0 + n for n in range(len(ids))], pa.float64()),
    })  # fmt: skip


def tell(root, day, labels, *, folder="told", kind=None):
    """Labels by request."""
    put(root, folder, day, {
        "request_id": pa.array(labels, pa.string()),
        "label": pa.array(labels.values(), kind or pa.int64()),
        "arrived_at": pa.array([at(day, 18)] * len(labels), pa.timestamp("us", "UTC")),
    })  # fmt: skip


@pytest.fixture
def lived(tmp_path):
    """Days 0 to 2: a and b were served on day 0, a's label came that day and b's on the next."""

    def build(**changed):
        monitor = House.at(tmp_path, {}).monitor(spec_with(**changed))
        serve(tmp_path, 0, ["a", "b"])
        for day, labels in enumerate([{"a": 1}, {"b": 0}, {}]):
            tell(tmp_path, day, labels)
            run(monitor, on(day))
        return monitor

    return build


def cells(monitor, day=0, *, as_of):
    """Rows by label of one prediction day; every prediction is 1."""
    found = known_outcomes(monitor, on(day), as_of=on(as_of))
    by_day = outcomes_by_day(monitor, on(day), on(day), as_of=on(as_of)).get(on(day), {})
    assert {group: one for group, one in by_day.items() if one} == {
        group: one for group, one in found.items() if one
    }
    return {label: n for (label, _), n in found[ALL].cells.items()} if found else {}


def decided(monitor, *ids, decision=DISCARD, day=2, reason="a typo"):
    return decide(monitor, ids, decision, reason=reason, by="ada", now=at(day))


def counts_of(monitor):
    """Every stored byte of the counts of labels."""
    folder = monitor.results.root / "tiny" / "outcomes"
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


arrivals = st.lists(
    st.tuples(st.sampled_from("aabc"), st.integers(0, 1), st.integers(0, DAYS - 1)), max_size=10
)
verdicts = st.lists(
    st.tuples(
        st.sampled_from([("a", 0), ("a", 4), ("b", 0), ("c", 1)]),
        st.sampled_from([DISCARD, DISCARD, KEEP]),
        st.integers(0, DAYS + 1),
    ),
    max_size=6,
)


def in_plain_words(labels, said, *, keep, as_of):
    """One pass over all that was told and decided by the end of a day."""
    standing, discarded = {}, set()
    for id_, value, day in sorted(labels, key=lambda one: one[2]):
        meant = [
            served
            for served, ids in sorted(PREDICTIONS.items())
            if id_ in ids and 0 <= day - served <= ACCEPTED and served <= as_of
        ]
        if meant and day <= as_of and (keep == "last" or (id_, meant[0]) not in standing):
            standing[id_, meant[0]] = value
    for key, decision, day in said:
        if day <= as_of:
            (discarded.add if decision is DISCARD else discarded.discard)(key)
    return {key: value for key, value in standing.items() if key not in discarded}


@settings(max_examples=6, deadline=None)
@given(
    labels=arrivals,
    said=verdicts,
    keep=st.sampled_from(["first", "last"]),
    lived_before=st.integers(0, DAYS),
    backwards=st.booleans(),
)
def test_what_counts_on_any_day_is_what_was_told_less_what_was_discarded_by_then(
    tmp_path_factory, labels, said, keep, lived_before, backwards
):
    """Decided before or after the labels came, days run before or after that, in either order."""
    root = tmp_path_factory.mktemp("law")
    monitor = House.at(root, {}).monitor(spec_with(keep=keep))
    said = sorted(said, key=lambda one: one[2])
    # Of a request one label a day: which one counts of several is another test's.
    labels = [(id_, value, day) for (id_, day), value in {(i, d): v for i, v, d in labels}.items()]
    for day in range(DAYS):
        serve(root, day, PREDICTIONS.get(day, []))
        tell(root, day, {id_: value for id_, value, came in labels if came == day})
    for day in range(lived_before):
        run(monitor, on(day))
    monitor.ledger.label_decisions.record(
        [
            LabelDecision("tiny", id_, on(served), decision, f"reason {n}", "ada", at(day))
            for n, ((id_, served), decision, day) in enumerate(said)
        ]
    )
    rest = list(range(lived_before, DAYS)) or [0]
    for day in reversed(rest) if backwards else rest:
        run(monitor, on(day))
    for as_of in range(DAYS + 2):
        known = in_plain_words(labels, said, keep=keep, as_of=as_of)
        for day in PREDICTIONS:
            wanted = Counter(str(value) for (_, served), value in known.items() if served == day)
            assert cells(monitor, day, as_of=as_of) == wanted


def test_from_the_day_of_the_decision_on_and_back_again(lived):
    """What was known before stays what it was: no byte of the counts of labels changes."""
    monitor = lived()
    before = counts_of(monitor)
    decided(monitor, "a", day=2)
    decided(monitor, "a", decision=KEEP, day=4)
    known = [cells(monitor, as_of=day) for day in range(5)]
    assert known == [{"1": 1}, {"0": 1, "1": 1}, {"0": 1}, {"0": 1}, {"0": 1, "1": 1}]
    assert counts_of(monitor) == before


def test_a_decision_after_all_waiting_counts_too(lived):
    """Labels of that day are accepted for three days, and it is a month later."""
    monitor = lived()
    found = decided(monitor, "a", "b", day=31)
    assert (found.labels, found.new, found.served, found.has_run) == (2, 2, (on(0),), False)
    assert cells(monitor, as_of=30) == {"0": 1, "1": 1}
    assert cells(monitor, as_of=31) == {}


def test_decisions_are_no_labels_in_the_account_of_their_day(lived):
    """They have a place of their own, and the buckets of the label rows still add up."""
    monitor = lived()
    serve(monitor.root, 3, ["z"])
    tell(monitor.root, 3, {"b": 1, "z": 1, "nobody": 1})
    run(monitor, on(3))
    before = account_of(monitor, on(3))
    decided(monitor, "a", "b", day=3)
    account = account_of(monitor, on(3))
    own = {"discarded": 2, "restored": 0, "decided_by_day": {str(on(0)): -2}}
    assert account == before | own
    assert account["rows"] == 3 == sum(account[name] for name in ("joined", "corrected", "pending"))
    assert labels_on(monitor, on(3)) == 1
    decided(monitor, "b", decision=KEEP, day=4)
    assert account_of(monitor, on(4)) == {
        "discarded": 0, "restored": 1, "decided_by_day": {str(on(0)): 1},
    }  # fmt: skip
    assert arrivals_of(monitor, on(0), as_of=on(9)) == [on(0), on(1), on(3), on(4)]


def test_a_day_says_how_many_were_discarded(lived):
    """Where labels are right otherwise."""
    monitor = lived()
    tell(monitor.root, 2, {"b": 1})
    decided(monitor, "a", day=2)
    words = run(monitor, on(2)).checks["labels"].words
    assert words == "0 of 1 labels joined (1 corrected, 1 discarded)"


def test_a_correction_of_a_discarded_label_waits_until_it_is_kept(lived):
    """The decision is about the request: no label of it counts."""
    monitor = lived()
    decided(monitor, "a", day=2)
    tell(monitor.root, 3, {"a": 0})
    run(monitor, on(3))
    assert cells(monitor, as_of=3) == {"0": 1}
    decided(monitor, "a", decision=KEEP, day=4)
    assert cells(monitor, as_of=4) == {"0": 2}


def test_a_file_that_comes_anew_changes_what_was_taken_away(lived):
    """The day that runs again brings its decisions along."""
    monitor = lived()
    decided(monitor, "a", day=2)
    tell(monitor.root, 0, {"a": 0})
    run(monitor, on(0))
    assert [cells(monitor, as_of=day) for day in (1, 2)] == [{"0": 2}, {"0": 1}]


def test_a_file_of_another_type_is_the_same_label(lived):
    """A day of text among days of numbers."""
    monitor = lived()
    tell(monitor.root, 2, {"x": "1"}, kind=pa.string())
    decided(monitor, "a", day=2)
    assert cells(monitor, as_of=2) == {"0": 1}


def test_where_labels_cannot_be_counted_decisions_wait_until_they_can(lived):
    """The run goes on, and says why."""
    monitor = lived()
    decided(monitor, "a", day=2)
    whole = monitor.root / "served" / f"{on(0)}.parquet"
    log = pq.read_table(whole)
    pq.write_table(log.rename_columns({"score": "scroe"}), whole)
    run(monitor, on(0))
    assert "no column 'score'" in account_of(monitor, on(2))["decisions_error"]
    pq.write_table(log, whole)
    run(monitor, on(0))
    assert cells(monitor, as_of=2) == {"0": 1}


def test_what_is_no_label_is_nothing_to_discard(lived):
    """Once it is one, the decision counts again."""
    monitor = lived()
    decided(monitor, "a", day=2)
    tell(monitor.root, 0, {"a": "maybe"}, kind=pa.string())
    run(monitor, on(0))
    assert [cells(monitor, as_of=day) for day in (1, 2)] == [{"0": 1}, {"0": 1}]
    tell(monitor.root, 0, {"a": 1})
    run(monitor, on(0))
    assert [cells(monitor, as_of=day) for day in (1, 2)] == [{"0": 1, "1": 1}, {"0": 1}]


def test_one_discarded_for_one_restored_is_a_change_of_that_day(lived):
    """Though as many labels count as before."""
    monitor = lived()
    decided(monitor, "a", day=2)
    decided(monitor, "a", decision=KEEP, day=3)
    decided(monitor, "b", day=3)
    assert account_of(monitor, on(3))["decided_by_day"] == {str(on(0)): 0}
    assert arrivals_of(monitor, on(0), as_of=on(3))[-1] == on(3)


def test_killed_after_the_ledger_was_written_the_next_run_of_any_day_brings_it_in(
    lived, monkeypatch
):
    """Nothing is lost, and nothing is done twice."""
    monitor = lived()
    monkeypatch.setattr("monitoring_dagster.act.deciding.bring_in", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        decided(monitor, "a", day=2)
    assert cells(monitor, as_of=2) == {"0": 1, "1": 1}
    run(monitor, on(1))
    assert cells(monitor, as_of=2) == {"0": 1}
    stamp = monitor.results.stamp("tiny", DECISIONS, on(2))
    run(monitor, on(9))
    assert monitor.results.stamp("tiny", DECISIONS, on(2)) == stamp


def test_sums_of_own_metrics_go_with_the_label(lived):
    """As if the row had never been labelled."""
    lost = {"name": "lost", "expression": "amount * label", "columns": ["amount"]}
    monitor = lived(metrics=[lost])
    decided(monitor, "b", day=2)
    means = [
        known_outcomes(monitor, on(0), as_of=on(day))[ALL].sums["value:lost"].mean for day in (1, 2)
    ]
    assert means == [50.0, 100.0]


def test_training_leaves_discarded_labels_out(lived):
    """By request and day."""
    monitor = lived()
    asked = {"first": on(0), "last": on(2), "as_of": on(2), "features": [], "root": monitor.root}
    for without, ids in [([], ["a", "b"]), ([("a", on(0)), ("b", on(1))], ["b"])]:
        rows = labelled_rows(monitor.spec, **asked, without=without)
        assert rows["request_id"].to_pylist() == ids


def test_said_again_it_is_known_already(lived):
    """And the words say what to run."""
    monitor = lived()
    assert decided(monitor, "a", "a", day=2).words == (
        f"1 label discarded: from {on(2)} on they count no more. Materialise outcomes of {on(2)}"
        f" again, and evaluation of {on(0)} once that is done."
    )
    again = decided(monitor, "a", "b", day=4)
    assert (again.labels, again.new) == (2, 1)
    assert "2 labels discarded: " in again.words
    assert "(1 had been decided so before)" in again.words
    assert f"outcomes of {on(4)} when it is over" in again.words
    assert cells(monitor, as_of=3) == {"0": 1}


@pytest.mark.parametrize("unknown", ["x", "waiting", "'; DROP TABLE x; --", "\x1b[2J"])
def test_one_unknown_request_and_nothing_is_decided(lived, unknown):
    """Neither one that nobody made, nor one whose label has not come."""
    monitor = lived()
    serve(monitor.root, 1, ["waiting"])
    with pytest.raises(UnknownRequest, match="nothing was decided") as error:
        decided(monitor, "a", unknown)
    assert str(error.value).isprintable()
    assert monitor.ledger.label_decisions.of("tiny") == []
    assert cells(monitor, as_of=2) == {"0": 1, "1": 1}


@pytest.mark.parametrize("hostile", ["'; DROP TABLE x; --", "=cmd()", "-rf", "\u202egnp", "a,b\n"])
def test_hostile_ids_are_decided_about_like_any_other(tmp_path, hostile):
    monitor = House.at(tmp_path, {}).monitor(spec_with())
    serve(tmp_path, 0, [hostile, "b"])
    tell(tmp_path, 0, {hostile: 1, "b": 0})
    run(monitor, on(0))
    decided(monitor, hostile, day=1)
    assert cells(monitor, as_of=1) == {"0": 1}


def test_ids_that_no_text_can_hold_and_models_without_labels_are_refused(lived):
    monitor = lived()
    with pytest.raises(UnstorableRequest):
        decided(monitor, "a\0")
    unlabelled = House.at(monitor.root, {}).monitor(
        monitor.spec.model_copy(update={"labels": None})
    )
    with pytest.raises(NoLabels):
        decided(unlabelled, "a")


def test_of_an_id_used_again_the_newest_labelled_prediction_is_meant(lived):
    """The older one keeps its label."""
    monitor = lived()
    for day in range(3, 7):
        serve(monitor.root, day, ["a"] if day == 5 else [])
        tell(monitor.root, day, {"a": 0} if day == 6 else {})
        run(monitor, on(day))
    assert decided(monitor, "a", "b", day=6).served == (on(0), on(5))
    assert (cells(monitor, as_of=6), cells(monitor, 5, as_of=6)) == ({"1": 1}, {})
    decided(monitor, "b", decision=KEEP, day=7)
    assert (cells(monitor, as_of=7), cells(monitor, 5, as_of=7)) == ({"0": 1, "1": 1}, {})
