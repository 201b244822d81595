"""Which version's series is the model's, and who served on the newest day with rows."""

import pytest

from monitoring_dagster.store.days.champions import (
    champion_on,
    first_champion,
    promoted_on,
    traffic_among,
    traffic_on,
    version_of_series,
)
from monitoring_dagster.store.models.registry import Registry, RegistryUnavailable
from tests.tiny import DAY, after, monitor_of, promoted, served_by


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


@pytest.fixture
def alias(monkeypatch):
    """Say which version MLflow's alias names."""

    def names(version):
        monkeypatch.setattr(Registry, "champion", lambda *_: version)

    return names


@pytest.mark.parametrize(
    ("lag", "shares"),
    [
        pytest.param(0, {"1": 0.75, "2": 0.25}, id="its own rows"),
        pytest.param(6, {"1": 0.75, "2": 0.25}, id="those of six days before"),
        pytest.param(7, {}, id="a week is too long ago"),
    ],
)
def test_the_shares_are_those_of_the_newest_day_with_rows(monitor, lag, shares):
    served_by(monitor, {"1": 3, "2": 1, "": 9}, after(-lag))
    monitor.ledger.record_promotion(promoted("1", on=after(-9)))
    traffic = traffic_on(monitor, DAY)
    assert (traffic.champion, traffic.shares) == ("1", shares)


def test_a_day_of_rows_that_name_no_version_is_passed_over(monitor):
    served_by(monitor, {"2": 4}, after(-1))
    served_by(monitor, {"": 9})
    assert traffic_on(monitor, DAY).shares == {"2": 1.0}


@pytest.mark.parametrize(
    ("rows", "named", "champion"),
    [
        pytest.param({}, "2", None, id="nobody served, whatever the alias says"),
        pytest.param({"3": 1}, "2", "3", id="the only one that served"),
        pytest.param({"1": 9, "3": 1}, "2", "2", id="of several the one that the alias names"),
        pytest.param({"1": 1, "3": 9}, None, "3", id="without an alias the one with most rows"),
        pytest.param({"1": 5, "3": 5}, None, "3", id="of as many rows the later one"),
    ],
)
def test_without_a_written_promotion(monitor, alias, rows, named, champion):
    alias(named)
    assert champion_on(monitor, DAY, rows=rows) == champion


def test_while_mlflow_is_down_the_rows_tell(monitor, monkeypatch):
    def down(*_):
        raise RegistryUnavailable

    monkeypatch.setattr(Registry, "champion", down)
    assert champion_on(monitor, DAY, rows={"1": 2, "3": 9}) == "3"


def test_promotions_that_somebody_knows_are_not_asked_for_again(monitor):
    monitor.ledger.record_promotion(promoted("1"))
    given = [promoted("7")]
    assert champion_on(monitor, DAY, promotions=given) == "7"
    assert traffic_on(monitor, DAY, promotions=given).champion == "7"


@pytest.mark.parametrize(
    ("versions", "series"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["2"], "2", id="the only one, though another is champion"),
        pytest.param(["1", "2"], "1", id="the champion's"),
        pytest.param(["2", "3"], None, id="the champion is none of several"),
    ],
)
def test_the_models_series_keeps_its_name(monitor, versions, series):
    monitor.ledger.record_promotion(promoted("1"))
    assert version_of_series(monitor, DAY, versions) == series


def test_a_promotion_counts_to_the_end_of_its_utc_day():
    made = [promoted("1"), promoted("2", "1", on=after(1))]
    assert [promoted_on(made, after(n)) for n in (-1, 0, 1)] == [None, "1", "2"]
    assert promoted_on([], DAY) is None


def test_the_first_champion_stays_the_first(monitor):
    assert first_champion(monitor, DAY) is None
    monitor.ledger.record_promotion(promoted("1"))
    monitor.ledger.record_promotion(promoted("2", "1", on=after(1)))
    assert [first_champion(monitor, after(n)) for n in (-1, 0, 9)] == [None, "1", "1"]


def test_one_that_served_before_promotions_were_written_is_the_first(monitor):
    monitor.ledger.record_promotion(promoted("5", "4"))
    assert first_champion(monitor, after(-9)) == "4"


def test_the_traffic_of_a_day_that_is_not_profiled_yet(monitor):
    monitor.ledger.record_promotion(promoted("2"))
    traffic = traffic_among(monitor, DAY, {"2": 1, "3": 3})
    assert (traffic.champion, traffic.shares) == ("2", {"2": 0.25, "3": 0.75})
    assert traffic_among(monitor, DAY, {}).shares == {}
