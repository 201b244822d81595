"""Is a change in quality the new version's or the data's?"""

import pytest

from monitoring_dagster.measure.attribution import run
from monitoring_dagster.measure.quality import promises
from monitoring_dagster.stats.columns.groups import Group
from tests.tiny import (
    DAY,
    after,
    counted,
    labelled,
    monitor_of,
    promoted,
    reference,
    turned_out,
)

RULES = {"rules": {"performance": {"accuracy": {"absolute": 0.1}}}}
PROMISED = {"1": 0.8, "2": 0.9, "3": 0.7}


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    known = {one: reference(one, baseline={"accuracy": value}) for one, value in PROMISED.items()}
    monkeypatch.setattr(promises, "reference_of", lambda _, version: known.get(version))
    return monitor_of(tmp_path, **RULES)


def attributed(monitor, *promotions, **right):
    """The effects on a day on which so many of each version's hundred rows were right."""
    for one in promotions:
        monitor.ledger.record_promotion(one)
    versions = {name[1:]: n for name, n in right.items()}
    counted(monitor, dict.fromkeys(versions, 100))
    labelled(monitor, {(DAY, Group(one)): turned_out(n, 100 - n) for one, n in versions.items()})
    numbers = run(monitor, DAY).numbers
    return [numbers[name] for name in ("change", "version_effect", "data_effect")]


def test_what_a_version_promised_less_than_the_one_before_it_is_the_versions(monitor):
    effects = attributed(monitor, promoted("1", on=after(-9)), promoted("2", "1"), v2=85)
    assert effects == pytest.approx([0.05, 0.1, -0.05])


def test_without_a_change_of_version_all_of_it_is_the_datas(monitor):
    assert attributed(monitor, v1=60) == pytest.approx([-0.2, 0.0, -0.2])


@pytest.mark.parametrize(
    "promotions",
    [
        pytest.param([promoted("2", "1", on=after(1))], id="it was promoted later"),
        pytest.param([promoted("2")], id="nobody served before it"),
        pytest.param([promoted("2", "9")], id="nobody knows what the one before promised"),
    ],
)
def test_where_the_former_promise_is_unknown_it_is_its_own(monitor, promotions):
    assert attributed(monitor, *promotions, v2=85) == pytest.approx([-0.05, 0.0, -0.05])


def test_of_several_versions_the_oldest_ones_predecessor_promised(monitor):
    """By their number, as MLflow counts them."""
    made = [promoted("1", on=after(-9)), promoted("2", "1", on=after(-5)), promoted("3", "2")]
    change, version, data = attributed(monitor, *made, v2=90, v3=70)
    assert (change, version, data) == pytest.approx((0.0, 0.5 * 0.1 - 0.5 * 0.1, 0.0))
    rows = monitor.results.read("tiny", "attribution", DAY).to_pylist()
    assert [(row["version"], row["share"], row["n"]) for row in rows] == [
        ("2", 0.5, 100), ("3", 0.5, 100)
    ]  # fmt: skip


def test_a_version_that_promised_nothing_takes_no_part(monitor):
    attributed(monitor, v1=60, v9=10)
    rows = monitor.results.read("tiny", "attribution", DAY).to_pylist()
    assert [row["version"] for row in rows] == ["1"]


def test_before_any_label_it_says_so_and_stores_nothing_but_that(monitor):
    counted(monitor, {"1": 100})
    report = run(monitor, DAY)
    assert (report.numbers, report.words) == ({"labelled": 0}, {"attribution": "no labels yet"})
    assert monitor.results.read("tiny", "attribution", DAY).num_rows == 0


def test_the_words_hold_the_whole_and_both_parts(monitor):
    attributed(monitor, promoted("1", on=after(-9)), promoted("2", "1"), v2=85)
    assert run(monitor, DAY).words["attribution"] == (
        "accuracy lies +0.0500 from the baseline before: +0.1000 by the change of version,"
        " -0.0500 by the data"
    )
