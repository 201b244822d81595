"""Drift is called where it is, not called where it is not, and the reason says why."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profile_batches
from monitoring_dagster.stats.drift.column_drift import ColumnDrift, Growth, measure
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import Broken, Verdict, judge, psi_band
from monitoring_dagster.stats.drift.usual import Usual, usual

SETTINGS = DriftSettings()


def profile(columns, bins) -> Profile:
    table = pa.table({**columns, "v": ["1"] * len(next(iter(columns.values())))})
    return profile_batches(table.to_batches(), {"1": bins}, version="v")[Group("1")]


def bins_for(columns):
    return {name: bins_of(pa.array(values), column=name) for name, values in columns.items()}


def compared(reference: Profile, columns, bins) -> list[ColumnDrift]:
    today = profile(columns, bins)
    return [measure(n, reference.columns[n], today.columns[n], own) for n, own in bins.items()]


def verdicts(measured, usual=0.0, settings=SETTINGS):
    habits = [Usual({drift.column: usual}) for drift in measured]
    return judge(measured, settings=settings, usual=habits)


def one(reference, current, **more):
    columns = {"x": pa.array(reference)}
    bins = bins_for(columns)
    before = profile(columns, bins)
    return verdicts(compared(before, {"x": pa.array(current)}, bins), **more)[0]


@pytest.fixture(scope="module")
def drift() -> ColumnDrift:
    """Certain beyond doubt; a test sets the effect it is about."""
    rng = np.random.default_rng(0)
    found = one(rng.normal(size=2000), rng.normal(1, 1, 2000)).drift
    return replace(found, effect=0.0, growth=Growth(), p_value=1e-9)


@pytest.mark.parametrize(
    ("effect", "p_value", "usual", "expected"),
    [
        pytest.param(0.05, 0.049, 0.0, Verdict.DRIFT, id="effect on the bound, p below alpha"),
        pytest.param(0.0499, 1e-9, 0.0, Verdict.OK, id="certain and too small"),
        pytest.param(0.9, 0.05, 0.0, Verdict.OK, id="large and no evidence"),
        pytest.param(0.2, 1e-9, 0.25, Verdict.OK, id="within what is usual"),
        pytest.param(0.25, 1e-9, 0.25, Verdict.DRIFT, id="as far as nothing usual"),
        pytest.param(0.03, 1e-9, 0.01, Verdict.OK, id="a low habit lowers no bound"),
    ],
)
def test_drift_needs_evidence_and_effect(drift, effect, p_value, usual, expected):
    drift = replace(drift, effect=effect, p_value=p_value)
    assert verdicts([drift], usual=usual)[0].verdict is expected


@pytest.mark.parametrize(
    ("effect", "p_value", "usual", "expected"),
    [
        pytest.param(0.4, 1e-9, 0.5, Verdict.OK, id="half of the rows would be drift"),
        pytest.param(0.5, 1e-9, 0.51, Verdict.MUTED, id="half of the rows would be none"),
        pytest.param(0.01, 0.9, 1.0, Verdict.MUTED, id="as the reference, and nobody could tell"),
        pytest.param(0.6, 1e-9, 0.6, Verdict.DRIFT, id="beyond even that"),
    ],
)
def test_a_column_whose_ordinary_days_hide_every_change_is_muted_and_never_ok(
    drift, effect, p_value, usual, expected
):
    (found,) = verdicts([replace(drift, effect=effect, p_value=p_value)], usual=usual)
    assert found.verdict is expected
    said = f"ordinary days differ by up to {usual:.1%} of rows" in found.reason
    assert said is (expected is Verdict.MUTED)


def test_a_muted_column_that_lacks_its_values_has_drifted(drift):
    gone = replace(drift, effect=0.4, growth=Growth(missing=0.4))
    assert verdicts([gone], usual=1.0)[0].verdict is Verdict.DRIFT


@pytest.mark.parametrize(
    ("share", "usual", "expected"),
    [
        pytest.param(0.02, 0.0, Verdict.DRIFT, id="two per cent more"),
        pytest.param(0.019, 0.0, Verdict.OK, id="a little less"),
        pytest.param(0.02, 0.03, Verdict.OK, id="a column that often lacks as much"),
    ],
)
@pytest.mark.parametrize("kind", Growth._fields)
def test_each_growth_has_a_bound_of_its_own(drift, kind, share, usual, expected):
    drift = replace(drift, growth=Growth(**{kind: share}))
    habit = Usual.of({drift.column: [0.5, *Growth(**{kind: usual}), 0.0]})
    found = judge([drift], settings=SETTINGS, usual=[habit])
    assert found[0].verdict is expected
    assert found[0].broken == ((kind,) if expected is Verdict.DRIFT else ())


@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        (100, 99, "the current data has 99 rows, below the 100 needed for a verdict"),
        (99, 100, "the reference has 99 rows, below the 100 needed for a verdict"),
        (100, 0, "the current data has no rows"),
        (0, 100, "the reference has no rows"),
    ],
)
def test_too_few_rows_give_no_verdict(drift, reference, current, reason):
    few = replace(
        drift,
        reference=replace(drift.reference, rows=reference),
        current=replace(drift.current, rows=current),
    )
    found = verdicts([few])[0]
    assert (found.verdict, found.reason) == (Verdict.INSUFFICIENT, reason)
    assert np.isnan(found.p_adjusted)


def test_a_hundred_rows_are_enough(drift):
    side = replace(drift.current, rows=100)
    found = verdicts([replace(drift, reference=side, current=side)])[0]
    assert found.verdict is not Verdict.INSUFFICIENT


def test_columns_without_a_verdict_do_not_count_among_those_looked_at(drift):
    few = replace(drift, current=replace(drift.current, rows=3))
    found = verdicts([few, replace(drift, p_value=0.04, effect=0.5), few])
    assert [v.verdict for v in found] == ["INSUFFICIENT", "DRIFT", "INSUFFICIENT"]
    assert found[1].p_adjusted == 0.04


def test_p_values_are_corrected_for_all_that_were_looked_at(drift):
    """Benjamini-Hochberg by hand: 0.01 * 4 / 1, 0.02 * 4 / 2, ..., never decreasing."""
    found = verdicts([replace(drift, p_value=p) for p in (0.01, 0.5, 0.02, 0.9)])
    assert [v.p_adjusted for v in found] == pytest.approx([0.04, 2 / 3, 0.04, 0.9])


def test_nothing_measured_gives_no_verdicts():
    assert verdicts([]) == []


@pytest.mark.parametrize(
    ("psi", "band"),
    [
        (0.0, "none"),
        (0.0999, "none"),
        (0.1, "moderate"),
        (0.1999, "moderate"),
        (0.2, "significant"),
        (float("inf"), "significant"),
        (float("nan"), "none"),
    ],
)
def test_a_psi_on_a_bound_belongs_to_the_upper_band(psi, band):
    assert psi_band(psi, SETTINGS) == band


def test_the_reason_shows_both_means_and_deviations():
    rng = np.random.default_rng(1)
    before, now = rng.normal(10, 2, 3000), rng.normal(20, 4, 3000)
    found = one(before, now)
    assert found.verdict is Verdict.DRIFT
    for words in (
        "of rows fall in other bins than in the reference",
        f"mean {before.mean():.4g} to {now.mean():.4g}",
        f"standard deviation {before.std(ddof=1):.4g} to {now.std(ddof=1):.4g}",
        "p < 1e-16 among 1",
    ):
        assert words in found.reason


@pytest.mark.parametrize("count", [1, 50])
def test_without_drift_at_most_one_day_in_twenty_alarms(count):
    """A tiny effect floor leaves the correction alone to keep the promise; 100 days."""
    rng = np.random.default_rng(count)
    half = (count + 1) // 2

    def draw(n):
        columns = {f"x{i}": rng.normal(size=n) for i in range(half)}
        return columns | {f"c{i}": rng.choice(list("abcde"), n) for i in range(count - half)}

    bins = bins_for(start := draw(2000))
    reference = profile(start, bins)
    settings = DriftSettings(
        min_effect=1e-9,
        min_missing=1e-9,
        min_new_category=1e-9,
        min_infinite=1e-9,
        min_out_of_range=1e-9,
    )
    alarms = 0
    for _ in range(100):
        found = verdicts(compared(reference, draw(300), bins), settings=settings)
        alarms += any(v.verdict is Verdict.DRIFT for v in found)
    assert alarms <= 0.05 * 100 + 2 * np.sqrt(100 * 0.05 * 0.95)


def _normal(rng, n):
    return rng.normal(size=n)


def _colours(rng, n, share=(0.1, 0.3, 0.6)):
    return rng.choice(["red", "green", "blue"], n, p=share)


def _with(values, share, new, rng):
    return pa.array([new if rng.random() < share else v for v in values])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(_normal, lambda rng, n: rng.normal(0.25, 1, n), id="mean + 0.25 sd"),
        pytest.param(_normal, lambda rng, n: rng.normal(0, np.sqrt(2), n), id="variance doubled"),
        pytest.param(
            _colours, lambda rng, n: _colours(rng, n, (0.2, 0.3, 0.5)), id="category 10 to 20 %"
        ),
        pytest.param(
            _normal, lambda rng, n: _with(rng.normal(size=n), 0.05, None, rng), id="nulls 0 to 5 %"
        ),
        pytest.param(
            _colours, lambda rng, n: _with(_colours(rng, n), 0.03, "new", rng), id="new category"
        ),
        pytest.param(
            _normal, lambda rng, n: _with(rng.normal(size=n), 0.03, -999.0, rng), id="sentinel"
        ),
    ],
)
def test_real_changes_are_found_on_95_of_100_days_of_2000_rows(before, now):
    rng = np.random.default_rng(11)
    columns = {"x": before(rng, 5000)}
    bins = bins_for(columns)
    reference = profile(columns, bins)
    found = [
        verdicts(compared(reference, {"x": now(rng, 2000)}, bins))[0].verdict for _ in range(100)
    ]
    assert found.count(Verdict.DRIFT) >= 95


def test_a_certain_but_tiny_shift_is_no_drift():
    """0.02 standard deviations in a million rows: beyond doubt, and of no consequence."""
    rng = np.random.default_rng(12)
    found = one(rng.normal(size=1_000_000), rng.normal(0.02, 1, 1_000_000))
    assert found.p_adjusted < 1e-10
    assert found.verdict is Verdict.OK
    assert found.reason.startswith("significant, below the effect threshold")


@pytest.mark.parametrize("odd", [1e12, np.inf, np.nan])
@pytest.mark.parametrize(("shift", "expected"), [(0.0, Verdict.OK), (0.5, Verdict.DRIFT)])
def test_one_wild_value_changes_no_verdict(odd, shift, expected):
    rng = np.random.default_rng(13)
    reference, current = rng.normal(size=3000), rng.normal(shift, 1, 1000)
    assert one(reference, np.append(current, odd)).verdict is expected
    assert one(np.append(reference, odd), current).verdict is expected


def weather(rng, days, rows=300):
    """Every day has a mean of its own, and nothing is wrong."""
    return [{"x": rng.normal(rng.normal(0, 1), 1, rows)} for _ in range(days)]


def test_a_column_that_moves_every_day_is_drift_only_beyond_its_habit():
    rng = np.random.default_rng(14)
    past = weather(rng, 60)
    whole = {"x": np.concatenate([day["x"] for day in past])}
    bins = bins_for(whole)
    reference = profile(whole, bins)
    habit = usual([profile(day, bins) for day in past], reference, bins).effect["x"]
    ordinary = [compared(reference, day, bins) for day in weather(rng, 200)]
    assert sum(verdicts(day)[0].verdict is Verdict.DRIFT for day in ordinary) > 100
    assert sum(verdicts(day, usual=habit)[0].verdict is Verdict.DRIFT for day in ordinary) <= 8
    broken = compared(reference, {"x": rng.normal(12, 1, 300)}, bins)
    assert verdicts(broken, usual=habit)[0].verdict is Verdict.DRIFT


def test_a_column_whose_gaps_come_and_go_is_drift_only_beyond_its_habit():
    rng = np.random.default_rng(15)

    def day(share):
        return {"x": np.where(rng.random(500) < share, np.nan, rng.normal(size=500))}

    past = [day(share) for share in rng.uniform(0, 0.2, 40)]
    whole = {"x": np.concatenate([one_day["x"] for one_day in past])}
    bins = bins_for(whole)
    reference = profile(whole, bins)
    habit = usual([profile(one_day, bins) for one_day in past], reference, bins).missing["x"]
    assert 0.08 < habit < 0.9
    steady = [day(0.0) for _ in range(20)]
    whole = {"x": np.concatenate([one_day["x"] for one_day in steady])}
    reference = profile(whole, bins)
    habit = usual([profile(d, bins) for d in steady], reference, bins).missing["x"]
    assert habit < SETTINGS.min_missing


def test_too_few_days_know_no_habit():
    columns = {"x": np.arange(200.0)}
    bins = bins_for(columns)
    whole = profile(columns, bins)
    small = profile({"x": np.arange(99.0)}, bins)
    assert usual([whole, small, small], whole, bins) == Usual.of({"x": [0.0] * 5 + [1.0]})


def days_of(kind):
    """Days of a sensor, of a shop with several kinds of goods, and what is the same all day."""
    rng, days = np.random.default_rng(16), range(40)
    return {
        "sensor": [rng.gamma(0.5, 20, 300).round(1) for _ in days],
        "goods": [rng.choice(["food", "toys"], 300, p=[0.6, 0.4]) for _ in days],
        "weekday": [np.full(300, float(day % 7)) for day in days],
        "promotion": [np.full(300, ["none", "sale"][day % 2]) for day in days],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        pytest.param("sensor", 0.0, "all values are 0, in the reference 0 to ", id="zeros"),
        pytest.param("goods", "toys", "all values are 'toys', in the reference 4", id="category"),
        pytest.param("goods", "food", "all values are 'food', in the reference ", id="usual one"),
        pytest.param("weekday", 3.0, None, id="a day of the week is the same all day"),
        pytest.param("promotion", "sale", None, id="and so is a sale"),
    ],
)
def test_a_column_whose_values_all_became_one_is_broken_unless_that_is_its_habit(
    kind, value, words
):
    past = days_of(kind)
    whole = {"x": np.concatenate(past)}
    bins = bins_for(whole)
    reference = profile(whole, bins)
    habit = usual([profile({"x": one}, bins) for one in past], reference, bins)
    now = {"x": np.full(300, value)}
    (found,) = judge(compared(reference, now, bins), settings=SETTINGS, usual=[habit])
    assert (Broken.CONSTANT in found.broken) is (words is not None)
    assert words is None or found.reason.startswith(words)
    assert words is None or found.verdict is Verdict.DRIFT


def test_a_value_that_was_all_there_ever_was_is_not_broken():
    assert one([7.0] * 300, [7.0] * 300).broken == ()
    assert Broken.CONSTANT not in one([7.0] * 300, [8.0] * 300).broken


def test_where_nobody_knows_ordinary_days_one_value_all_day_may_be_a_habit():
    rng = np.random.default_rng(17)
    found = one(rng.normal(size=500), np.zeros(300))
    assert found.verdict is Verdict.DRIFT
    assert Broken.CONSTANT not in found.broken


def test_a_reference_that_lacks_a_column_is_named():
    columns = {"x": np.arange(200.0)}
    bins = bins_for(columns)
    with pytest.raises(UnknownColumn, match="the profile has no column 'x'"):
        usual([profile(columns, bins)], Profile(200), bins)


def test_a_day_that_lacks_a_column_knows_nothing_of_it():
    columns = {"x": np.arange(200.0)}
    bins = bins_for(columns)
    whole = profile(columns, bins)
    assert usual([whole, whole, Profile(200)], whole, bins) == usual([whole, whole], whole, bins)


def _letters(*parts):
    return [letter for letter, rows in parts for _ in range(rows)]


@pytest.mark.parametrize(
    ("before", "now", "words", "broken"),
    [
        pytest.param([1.0] * 999 + [None], [1.0] * 88 + [None] * 12,
                     "missing values rose from 0.1% to 12.0% (bound 2.0%)", "missing", id="gaps"),
        pytest.param(_letters(("a", 300)), _letters(("a", 300), ("IT", 100)),
                     "new category 'IT': 25.0% of rows (bound 2.0%)", "new_category", id="one"),
        pytest.param(
            _letters(("a", 300)),
            _letters(("a", 200), ("x" * 50, 80), ("<!here>", 60), ("q", 40), ("z", 20)),
            "new category '" + "x" * 40 + "', '<!here>', 'q' and others: 50.0% of rows",
            "new_category", id="many, cut"),
        pytest.param([1.0, 2.0] * 200, [1.0, 2.0] * 97 + [np.inf] * 4 + [-np.inf] * 2,
                     "infinite values: 3.0% of rows (bound 2.0%)", "infinite", id="infinite"),
        pytest.param(list(np.linspace(0, 100, 500)), [*np.linspace(0, 100, 440), *[5000.0] * 60],
                     "12.0% of rows outside the reference's range 0..100 (largest 5,000)"
                     " (bound 2.0%)", "out_of_range", id="far above"),
        pytest.param(list(np.linspace(0, 100, 500)), [*np.linspace(0, 100, 470), *[-999.0] * 30],
                     "6.0% of rows outside the reference's range 0..100 (smallest -999)",
                     "out_of_range", id="a sentinel"),
    ],
)  # fmt: skip
def test_each_way_to_lack_a_value_has_its_own_sentence(before, now, words, broken):
    found = one(before, now)
    assert found.verdict is Verdict.DRIFT
    assert words in found.reason
    assert found.broken == (broken,)


def test_the_sentences_stand_side_by_side():
    found = one([*range(500)], [*range(300), *[None] * 100, *[1e6] * 50, *[np.inf] * 50])
    assert found.broken == ("missing", "infinite", "out_of_range")
    for words in ("missing values rose", "infinite values: 10.0%", "outside the reference's range"):
        assert words in found.reason


def test_what_many_rare_categories_let_expect_is_said():
    rng = np.random.default_rng(16)
    names = np.array([f"s{i}" for i in range(3000)])
    now = np.append(rng.choice(names, 1500), ["UNKNOWN"] * 1500)
    found = one(rng.choice(names, 6000), now)
    assert found.broken == ("new_category",)
    assert " and others: 56.3% of rows, 13.8% expected (bound 2.0%)" in found.reason
