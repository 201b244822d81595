"""A delivery that is wrong says so once: where, how many, which, and what is likely the cause."""

from datetime import timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.quality.arrived_labels import feed_signals, run
from monitoring_dagster.store.days.known_labels import account_of, known_outcomes
from tests.measure.quality.test_arrived_labels import ALL, SPEC, at, monitor_of, on, put, serve
from tests.world import stated

UNREADABLE, PROCESS = FindingKind.UNREADABLE_DATA, FindingKind.LABEL_PROCESS
ORPHANS = FindingKind.ORPHAN_LABELS
P2, P3 = Severity.P2, Severity.P3
IDS = [f"r{n:02}" for n in range(40)]
FILE = "told/2025-03-03.parquet"


def found_on(monitor, day):
    """What is wrong with the labels, as known on a day."""
    return stated(monitor, day, feed_signals(monitor, day))


def delivered(root, changed):
    """Forty labels of the day, half of them 1, and what *changed*."""
    columns = {
        "request_id": IDS,
        "label": [n % 2 for n in range(40)],
        "arrived_at": pa.array([at(0, 18)] * 40, pa.timestamp("us", "UTC")),
    }
    put(root, "told", 0, pa.table(columns | changed))


def but(column, value, *, at_row=7):
    """The column with another value in one row."""
    return [*column[:at_row], value, *column[at_row + 1 :]]


HALVES = [n % 2 for n in range(40)]
MOMENTS = [at(0, 18)] * 40


@pytest.mark.parametrize(
    ("changed", "kind", "severity", "said"),
    [
        pytest.param(
            {"label": but(HALVES, 2)}, UNREADABLE, P3,
            [FILE, "1 of 40 labels", "'label'", "neither 0 nor 1", "request 'r07': '2'"],
            id="one label of a third class",
        ),
        pytest.param(
            {"label": ["yes", "no"] * 20}, UNREADABLE, P2,
            ["40 of 40", "label 'yes'", "words for yes and no", "'r04': 'yes', ...)"],
            id="yes and no",
        ),
        pytest.param(
            {"label": ["churned"] * 40}, UNREADABLE, P2,
            ["label 'churned'", "is it the right column?"],
            id="another column",
        ),
        pytest.param(
            {"label": [-1, 1] * 20}, UNREADABLE, P2, ["20 of 40", "most are classes -1"],
            id="minus one and one",
        ),
        pytest.param(
            {"label": ["<script>\x1b[2J" + "x" * 99] * 40}, UNREADABLE, P2,
            ["label '<script>\\x1b[2J" + "x" * 28 + "'"], id="hostile and long",
        ),
        pytest.param(
            {"arrived_at": [1_741_024_800_000] * 40}, UNREADABLE, P2,
            ["40 of 40", "'arrived_at'", "'1741024800000' is no time (epoch milliseconds, likely)"],
            id="epoch milliseconds",
        ),
        pytest.param(
            {"arrived_at": but([str(one) for one in MOMENTS], "soon")}, UNREADABLE, P3,
            ["1 of 40", "'soon' is no time", "'r07': 'soon'"], id="one time that is none",
        ),
        pytest.param(
            {"arrived_at": pa.array([at(400, 1)] * 40, pa.timestamp("us", "UTC"))}, UNREADABLE, P2,
            ["40 of 40", "'2026-04-07 01:00:00+00' lies more than a day after", "year or the unit"],
            id="400 days ahead",
        ),
        pytest.param(
            {"request_id": [1.79e18] * 40}, UNREADABLE, P2,
            ["40 of 40", "'request_id'", "'1.79e+18' is a float that has lost digits"],
            id="ids that lost digits",
        ),
        pytest.param(
            {"request_id": [one.upper() for one in IDS]}, ORPHANS, P2,
            ["40 of 40", FILE, "'R00', 'R01'", "'r00'. Likely they differ in upper and lower case"],
            id="ids in capitals",
        ),
        pytest.param(
            {"request_id": [f"x{n}" for n in range(40)]}, ORPHANS, P2,
            ["40 of 40", "such as 'x0', 'x1'", "predictions such as 'r00'", "log lacks these"],
            id="ids of nobody",
        ),
        pytest.param(
            {"request_id": ["r00"] * 40}, PROCESS, P2,
            ["all 40 labels have the request id 'r00'", "right column?"], id="one id for all",
        ),
        pytest.param(
            {"request_id": [f"r{n // 2:02}" for n in range(40)]}, PROCESS, P2,
            ["20 of 20 requests have several labels that contradict", "'r00': '0 and 1'"],
            id="two labels each",
        ),
        pytest.param(
            {"arrived_at": pa.array([at(0, 10)] * 40, pa.timestamp("us", "UTC"))}, PROCESS, P2,
            ["40 of 40 labels arrived before their predictions", "2.0 h", "a zone 2 h away"],
            id="times of another zone",
        ),
        pytest.param(
            {"arrived_at": pa.array([at(0, 4.3)] * 40, pa.timestamp("us", "UTC"))}, PROCESS, P2,
            ["by 7.7 h in the median", "two columns swapped"], id="another clock",
        ),
        pytest.param(
            {"arrived_at": pa.array([at(-9, 4)] * 40, pa.timestamp("us", "UTC"))}, PROCESS, P2,
            ["40 of 40 labels arrived more than a day before 2025-03-03", "another day's name"],
            id="an old file",
        ),
    ],
)  # fmt: skip
def test_one_finding_names_the_file_the_rows_and_the_likely_cause(
    tmp_path, changed, kind, severity, said
):
    """And what can be counted is counted."""
    monitor = monitor_of(tmp_path)
    serve(tmp_path, 0, IDS)
    delivered(tmp_path, changed)
    report = run(monitor, on(0))
    (found,) = found_on(monitor, on(0))
    assert (found.kind, found.severity) == (kind, severity)
    assert [words for words in said if words not in found.words] == []
    assert "\x1b" not in found.words
    assert report.checks["labels"].words == found.words
    account = account_of(monitor, on(0))
    assert account["rows"] == 40 == sum(account[name] for name in BUCKETS)
    counted = known_outcomes(monitor, on(0), as_of=on(0))
    joined = account["joined"]
    assert (counted[ALL].n if counted else 0) == joined


@pytest.mark.parametrize("is_served", [True, False], ids=["that lie there", "still to come"])
def test_labels_a_day_before_their_predictions_name_that_cause(tmp_path, is_served):
    monitor = monitor_of(tmp_path)
    serve(tmp_path, 0, [f"earlier {one}" for one in IDS])
    if is_served:
        serve(tmp_path, 1, IDS)
    delivered(tmp_path, {})
    run(monitor, on(0))
    (found,) = found_on(monitor, on(0))
    assert (found.kind, found.severity) == (ORPHANS, P2)
    assert "or they arrived before their predictions" in found.words


BUCKETS = (
    "joined", "corrected", "late", "duplicate", "conflicting", "ambiguous", "orphan", "pending",
    "uncounted", "expired", "invalid",
)  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "severity", "said"),
    [
        pytest.param(
            but([0.9] * 40, 1.7), P3,
            ["1 of 40", "'score' of the predictions of 2025-03-03", "score '1.7' lies outside 0 to"
             " 1", "request 'r07': '1.7'"],
            id="one of them",
        ),
        pytest.param([90.0] * 40, P2, ["40 of 40", "(90 to 90): are they percentages?"],
                     id="percentages"),
        pytest.param([-3.0, 2.0] * 20, P2, ["(-3 to 2): are they logits?"], id="logits"),
        pytest.param([-0.1] * 40, P2, ["are they logarithms of probabilities?"], id="logarithms"),
        pytest.param([700.0] * 40, P2, ["are they points of another scale?"], id="points"),
        pytest.param(["high"] * 40, P2, ["score 'high' is no number"], id="words"),
        pytest.param(but([0.9] * 40, 1.0000000000000002), None, [], id="rounding is nothing"),
    ],
)  # fmt: skip
def test_a_score_that_is_no_probability_names_the_day_on_which_it_was_served(
    tmp_path, scores, severity, said
):
    monitor = monitor_of(tmp_path)
    serve(tmp_path, 0, IDS)
    log = pa.table({
        "request_id": IDS,
        "served_at": pa.array([at(0, 12)] * 40, pa.timestamp("us", "UTC")),
        "model_version": ["1"] * 40,
        "prediction": [1] * 40,
        "score": scores,
    })  # fmt: skip
    put(tmp_path, "served", 0, log)
    delivered(tmp_path, {})
    run(monitor, on(0))
    found = found_on(monitor, on(0))
    assert [(one.kind, one.severity) for one in found] == (
        [(UNREADABLE, severity)] if severity else []
    )
    assert [words for words in said if words not in found[0].words] == []
    rows = account_of(monitor, on(0))
    assert rows["joined"] + rows["invalid"] == 40


def test_yesterdays_file_under_todays_name_is_one_finding(tmp_path):
    monitor = monitor_of(tmp_path)
    serve(tmp_path, 0, IDS)
    serve(tmp_path, 1, [])
    delivered(tmp_path, {})
    (tmp_path / "told" / f"{on(1)}.parquet").write_bytes((tmp_path / FILE).read_bytes())
    run(monitor, on(0))
    run(monitor, on(1))
    assert found_on(monitor, on(0)) == []
    (found,) = found_on(monitor, on(1))
    assert found.kind is PROCESS
    assert "none of 40 labels is new" in found.words
    assert f"the last of them arrived on {on(0)}" in found.words


def test_classes_of_other_words_give_no_number(tmp_path):
    """No accuracy of 0, and both sides' words."""
    monitor = monitor_of(tmp_path, task="multiclass")
    serve(tmp_path, 0, IDS)
    delivered(tmp_path, {"label": ["low", "high"] * 20})
    run(monitor, on(0))
    (found,) = found_on(monitor, on(0))
    assert "labels: 'high', 'low'; predictions: '1'" in found.words
    assert known_outcomes(monitor, on(0), as_of=on(0)) == {}


@pytest.mark.parametrize("keep", ["first", "last"])
def test_a_delivery_that_was_no_use_is_made_good_by_the_next_one(tmp_path, keep):
    """Without writing the first file anew: nothing is taken away that was never counted."""
    monitor = monitor_of(tmp_path, task="multiclass", labels=SPEC["labels"] | {"keep": keep})
    serve(tmp_path, 0, IDS)
    delivered(tmp_path, {"label": ["low", "high"] * 20})
    table = pa.table({
        "request_id": IDS,
        "label": HALVES,
        "arrived_at": pa.array([at(0, 18) + timedelta(days=1)] * 40, pa.timestamp("us", "UTC")),
    })  # fmt: skip
    serve(tmp_path, 1, [])
    put(tmp_path, "told", 1, table)
    run(monitor, on(0))
    run(monitor, on(1))
    cells = known_outcomes(monitor, on(0), as_of=on(1))[ALL].cells
    assert dict(cells) == {("0", "1"): 20, ("1", "1"): 20}
