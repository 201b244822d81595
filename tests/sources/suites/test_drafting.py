"""A drafted suite keeps quiet on days like those of the reference, and speaks of a broken one."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.sources.suites.broken_expectations import broken_expectations
from monitoring_dagster.sources.suites.contracts import great_expectations
from monitoring_dagster.sources.suites.drafting import Learning, Omitted, drafted
from monitoring_dagster.sources.suites.suite_text import suite_text
from monitoring_dagster.sources.suites.suites import load_suite
from monitoring_dagster.spec.sources import Predictions
from tests.tiny import DAY, after, log_of, spec_of

DAYS, FRESH = 18, 40


def gaps(values, rng, share):
    missing = rng.random(len(values)) < share
    return [None if gone else one for one, gone in zip(values, missing, strict=True)]


def words(rng, n, levels, power=0.0):
    shares = np.arange(1.0, levels + 1) ** -power
    return [f"w{one}" for one in rng.choice(levels, n, p=shares / shares.sum())]


def as_float(values):
    return pa.array(values, pa.float64())


def hours(rng, n):
    return rng.integers(0, 24, n).tolist()


SHAPES = {  # name: kind, and the values of n rows on one day
    "normal": ("numeric", lambda rng, n, day: rng.normal(50, 10, n)),
    "both_signs": ("numeric", lambda rng, n, day: rng.normal(0, 1, n)),
    "of_the_day": ("numeric", lambda rng, n, day: rng.normal(20, 4) + rng.normal(0, 1, n)),
    "lognormal": ("numeric", lambda rng, n, day: rng.lognormal(0, 2, n)),
    "pareto": ("numeric", lambda rng, n, day: rng.pareto(1, n) + 1),
    "cauchy": ("numeric", lambda rng, n, day: rng.standard_cauchy(n)),
    "constant": ("numeric", lambda rng, n, day: np.full(n, 7)),
    "zero": ("numeric", lambda rng, n, day: np.zeros(n)),
    "mostly_zero": (
        "numeric", lambda rng, n, day: np.where(rng.random(n) < 0.1, rng.gamma(2, 3, n), 0),
    ),
    "flag": ("numeric", lambda rng, n, day: rng.integers(0, 2, n)),
    "counted": ("numeric", lambda rng, n, day: rng.poisson(2, n)),
    "money": ("numeric", lambda rng, n, day: [Decimal(int(1 + 9 * x)) / 4 for x in rng.random(n)]),
    "with_gaps": ("numeric", lambda rng, n, day: gaps(rng.uniform(1, 2, n), rng, 0.3)),
    "rarely_there": ("numeric", lambda rng, n, day: as_float(gaps(rng.random(n), rng, 0.99))),
    "never_there": ("numeric", lambda rng, n, day: pa.nulls(n, pa.float64())),
    "codes": ("categorical", lambda rng, n, day: rng.integers(1, 5, n)),
    "plan": ("categorical", lambda rng, n, day: words(rng, n, 3)),
    "rare_levels": ("categorical", lambda rng, n, day: words(rng, n, 40, power=2)),
    "many_levels": ("categorical", lambda rng, n, day: words(rng, n, 400)),
    "hostile": ("categorical", lambda rng, n, day: rng.choice(["\x1b[2J", "ä\u202e", '"'], n)),
    "agrees": ("categorical", lambda rng, n, day: rng.random(n) < 0.5),
    "may_agree": ("categorical", lambda rng, n, day: gaps(rng.random(n) < 0.5, rng, 0.4)),
    "when": (
        "categorical",
        lambda rng, n, day: [datetime(2026, 1, 1 + day % 9, h, tzinfo=UTC) for h in hours(rng, n)],
    ),
    "born": (
        "categorical",
        lambda rng, n, day: [date(1950, 1, 1) + timedelta(int(d)) for d in rng.integers(0, 9e3, n)],
    ),
}  # fmt: skip
SPEC = spec_of()


def rows_of(day, *, shapes=SHAPES, seed=0):
    """A day's log; the number of its rows varies as well."""
    rng = np.random.default_rng([seed, day])
    n = int(rng.integers(150, 400))
    table = log_of(n, after(day)).drop_columns(["age", "debt", "country", "label"])
    for name, (_, draw) in shapes.items():
        values = draw(rng, n, day)
        if isinstance(values, np.ndarray):
            values = values.tolist()
        table = table.append_column(name, pa.array(values) if isinstance(values, list) else values)
    return table


def learning(days, *, shapes=SHAPES, held_out=6, required=("normal", "plan")):
    without = ["request_id", "served_at", "model_version"]
    return Learning(
        version="3",
        days=[day.drop_columns(without) for day in days],
        held_out=held_out,
        has_days=True,
        features={name: kind for name, (kind, _) in shapes.items()},
        required=required,
    )


def loaded(draft, tmp_path):
    path = tmp_path / "draft.json"
    path.write_text(suite_text({"name": "tiny", "expectations": [*draft.entries]}))
    return load_suite(path)


@pytest.fixture(scope="module")
def reference():
    return [rows_of(day) for day in range(DAYS)]


@pytest.fixture(scope="module")
def draft(reference):
    return drafted(SPEC, learning(reference))


@pytest.fixture(scope="module")
def suite(draft, tmp_path_factory):
    return loaded(draft, tmp_path_factory.mktemp("draft"))


def breaches(suite, table):
    """As the contract of a day finds them."""
    with TemporaryDirectory() as folder:
        pq.write_table(table, Path(folder, f"{DAY}.parquet"))
        log = Predictions(path="{day}.parquet")
        found = broken_expectations(suite, log, DAY, root=Path(folder))
    return [(one.column, one.expectation, one.words) for one in found]


def test_the_reference_keeps_the_suite_that_is_drafted_from_it(suite, reference):
    assert breaches(suite, pa.concat_tables(reference)) == []
    for day in reference[::3]:  # Great Expectations takes its time
        assert breaches(suite, day) == []


def test_at_least_95_of_100_fresh_days_keep_it(suite):
    """Days to come of the same process; the shapes are as unruly as columns are."""
    broken = [
        found for day in range(DAYS, DAYS + FRESH) if (found := breaches(suite, rows_of(day)))
    ]
    assert len(broken) <= 0.05 * FRESH, broken


ONE_SIGN = {
    *("normal", "of_the_day", "lognormal", "pareto", "constant", "counted", "with_gaps"),
    *("mostly_zero", "money"),
}
SETS = {"plan", "rare_levels", "hostile"}


def changed(names, change):
    """A fresh day with the same fault in each of these columns."""
    table = rows_of(DAYS + FRESH)
    for name in names:
        place = table.column_names.index(name)
        values = change(table[name].to_pylist())
        table = table.set_column(place, name, pa.array(values))
    return table


def scaled(by):
    return lambda values: [None if one is None else by * one for one in values]


def unknown(values):
    return ["new" if n % 5 == 0 else one for n, one in enumerate(values)]


def halved(values):
    return [one if n % 2 else None for n, one in enumerate(values)]


@pytest.mark.parametrize(
    ("columns", "fault", "broken"),
    [
        pytest.param(ONE_SIGN, scaled(-1), "between", id="a turned sign"),
        pytest.param({*ONE_SIGN, "both_signs", "cauchy"}, scaled(1000), "between", id="a unit"),
        pytest.param(SETS, unknown, "in_set", id="an unknown category"),
    ],
)
def test_a_fault_is_caught_in_every_column_that_has_it(suite, columns, fault, broken):
    found = {(column, kind) for column, kind, _ in breaches(suite, changed(columns, fault))}
    assert found == {(name, f"expect_column_values_to_be_{broken}") for name in columns}


def test_half_of_the_values_gone_is_caught_in_every_column_that_has_values(suite):
    columns = SHAPES.keys() - {"rarely_there", "never_there"}
    found = {(column, kind) for column, kind, _ in breaches(suite, changed(columns, halved))}
    assert found == {(name, "expect_column_values_to_not_be_null") for name in columns}


def test_every_missing_column_is_caught(suite):
    table = rows_of(DAYS)
    found = breaches(suite, table.select(["both_signs"]))
    assert {column for column, *_ in found} == {*table.column_names} - {"both_signs"}
    assert all(f"there is no column {column!r}" in words for column, _, words in found)


def test_another_type_is_caught(suite):
    table = rows_of(DAYS)
    others = {"normal": "plan", "plan": "normal", "when": "normal", "agrees": "plan"}
    for name, other in others.items():
        table = table.set_column(table.column_names.index(name), name, rows_of(DAYS)[other])
    found = {column for column, kind, _ in breaches(suite, table) if kind.endswith("_type_list")}
    assert found == {*others}


def test_a_score_is_a_probability_and_a_prediction_a_class(suite):
    assert [one[0] for one in breaches(suite, changed(["score"], scaled(100)))] == ["score"]
    assert [one[0] for one in breaches(suite, changed(["prediction"], scaled(2)))] == ["prediction"]


def test_a_day_without_rows_is_caught(suite):
    found = breaches(suite, rows_of(0).slice(0, 0))
    assert "expect_table_row_count_to_be_between" in [kind for _, kind, _ in found]


def test_what_is_not_asked_says_why(draft):
    nothing = "a day of the reference holds nothing but missing values"
    gone = "99.7% of the values are missing on a day of the reference"
    assert {(one.column, one.asked): one.why for one in draft.omitted} == {
        ("zero", "range"): "the reference holds nothing but 0",
        ("rarely_there", "missing values"): gone,
        ("rarely_there", "type"): nothing,
        ("rarely_there", "range"): "up to 100% of a day's few or scattered values may lie outside",
        ("never_there", "missing values"): nothing,
        ("never_there", "type"): nothing,
        ("never_there", "range"): "the reference holds no number",
        ("many_levels", "values"): "more than 100 levels are no set that a person reviews",
        ("when", "range"): "times move on",
        ("born", "range"): "times move on",
    }
    assert Omitted("x", "range", "it is 0").words == "'x': no limit on its range: it is 0"


def test_required_features_and_roles_are_critical_and_the_rest_warns(draft):
    roles = {"request_id", "served_at", "model_version", "prediction", "score", "normal", "plan"}
    for entry in draft.entries:
        column = entry["kwargs"].get("column")
        critical = column is None or column in roles
        assert entry["severity"] == ("critical" if critical else "warning"), entry


def test_a_column_is_said_to_exist_only_where_nothing_else_says_it(draft):
    exist = [e["kwargs"]["column"] for e in draft.entries if e["type"] == "expect_column_to_exist"]
    assert exist == ["never_there", "rarely_there"]
    assert draft.columns == sorted(draft.columns)
    assert {*SHAPES, "score"} <= {*draft.columns}


def test_great_expectations_reads_the_draft_as_its_own(draft):
    """Types, arguments, severity and notes: what it would drop is no expectation of 1."""
    written = {"name": "tiny", "expectations": json.loads(json.dumps([*draft.entries]))}
    suite = great_expectations().ExpectationSuite(**written)
    read = [
        (one.expectation_type, str(one.severity.value), one.notes) for one in suite.expectations
    ]
    assert read == [(one["type"], one["severity"], one["notes"]) for one in draft.entries]


def test_where_a_status_says_how_a_request_ended_answers_may_be_missing():
    shapes = {"normal": SHAPES["normal"]}
    days = [rows_of(day, shapes=shapes) for day in range(6)]
    predictions = {"path": "served/{day}.parquet", "score": "score", "status": "status",
                   "synthetic": "test", "latency_ms": {"total": "ms"}}  # fmt: skip
    spec = spec_of(predictions=predictions, segments=["country", "normal"])
    found = drafted(spec, learning(days, shapes=shapes, held_out=2))
    of = {}
    for entry in found.entries:
        of.setdefault(entry["kwargs"].get("column"), []).append(entry["type"])
    assert of["status"] == of["test"] == of["country"] == ["expect_column_to_exist"]
    assert of["ms"] == ["expect_column_to_exist", "expect_column_values_to_be_between"]
    assert "expect_column_values_to_not_be_null" not in of["score"] + of["prediction"]
    assert ("score", "missing values") in [(one.column, one.asked) for one in found.omitted]
    assert "'country': no limit on its values: the reference has no such column" in [
        one.words for one in found.omitted
    ]


def test_a_regression_has_a_range_of_answers_and_a_multiclass_a_set():
    shapes = {"normal": SHAPES["normal"], "plan": SHAPES["plan"]}
    for task, column, kind in (
        ("regression", "normal", "between"),
        ("multiclass", "plan", "in_set"),
    ):
        predictions = {"path": "served/{day}.parquet", "prediction": column}
        days = [rows_of(day, shapes=shapes) for day in range(9)]
        found = drafted(spec_of(task=task, predictions=predictions, labels=None),
                        learning(days, shapes={}, held_out=3))  # fmt: skip
        types = [one["type"] for one in found.entries if one["kwargs"].get("column") == column]
        assert f"expect_column_values_to_be_{kind}" in types
        assert "no limit on the features: the version has no signature" in found.omitted[0].words


@pytest.mark.parametrize("value", ["$PARAMETER.x", float("inf")])
def test_values_that_no_suite_can_say_make_no_set(value):
    shapes = {"odd": ("categorical", lambda rng, n, day: [value] * n)}
    found = drafted(SPEC, learning([rows_of(day, shapes=shapes) for day in range(3)],
                                   shapes=shapes, held_out=1))  # fmt: skip
    (omitted,) = found.omitted
    assert (omitted.column, omitted.asked) == ("odd", "values")
    assert "no suite can say it" in omitted.why


def test_encoded_words_are_words():
    def drawn(rng, n, day):
        return pa.array(words(rng, n, 3)).dictionary_encode()

    shapes = {"plan": ("categorical", drawn)}
    days = [rows_of(day, shapes=shapes) for day in range(3)]
    found = drafted(SPEC, learning(days, shapes=shapes, held_out=1))
    kwargs = [one["kwargs"] for one in found.entries if one["kwargs"].get("column") == "plan"]
    assert kwargs[-1]["value_set"] == ["w0", "w1", "w2"]


def test_the_notes_say_where_the_limits_come_from():
    one = learning([rows_of(day, shapes={}) for day in range(4)], shapes={}, held_out=1)
    assert "from version 3's reference: " in one.notes
    assert "on 4 days, of which 1 were held out" in one.notes
