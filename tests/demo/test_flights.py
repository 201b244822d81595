"""The demo's flights: real, moved by whole weeks, and blind to the future."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score
from sklearn.pipeline import Pipeline
from skops import io as skops_io

from monitoring_dagster.demo.fake_service import labels_of, serve_day
from monitoring_dagster.demo.flights import (
    CATEGORICAL,
    FEATURES,
    NUMERIC,
    NoFlights,
    Recorded,
    draws,
    flights,
    prepare,
)
from monitoring_dagster.sources.suites.contracts import great_expectations
from monitoring_dagster.spec import ModelSpec

ROOT = Path(__file__).parents[2]
END = date(2026, 11, 23)  # a Monday, as the last day of the data is
CALM = date(2026, 6, 24)
DAY = pd.Timedelta(days=1)


def spec_of(name: str) -> ModelSpec:
    text = (ROOT / "assets" / name / "defs.yaml").read_text(encoding="utf-8")
    return ModelSpec.model_validate(yaml.safe_load(text)["attributes"])


FEWER_FEATURES = [one.name for one in spec_of("flight_minutes").features or ()]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return Recorded.read()


@pytest.fixture(scope="module")
def year(recorded: Recorded) -> pd.DataFrame:
    return prepare(recorded, end=END)


@pytest.fixture(scope="module")
def classifier(year: pd.DataFrame) -> Pipeline:
    known = first_days(year, 75).dropna(subset=["late"])
    return import_module("assets.flight_delay.train").train(known[list(FEATURES)], known["late"])


@pytest.fixture(scope="module")
def regressor(year: pd.DataFrame) -> Pipeline:
    known = first_days(year, 75).query("origin == 'JFK'").dropna(subset=["minutes"])
    train = import_module("assets.flight_minutes.train").train
    return train(known[list(FEWER_FEATURES)], known["minutes"])


@pytest.fixture(scope="module")
def few(recorded: Recorded) -> Recorded:
    """Flights of all seasons, and all of the last days."""
    last = recorded.flights.query("month == 12 and day >= 20")
    return Recorded(
        pd.concat([recorded.flights.drop(last.index)[::50], last]),
        recorded.weather,
        recorded.planes,
    )


@pytest.fixture(scope="module")
def serve(year: pd.DataFrame, classifier: Pipeline) -> Callable[..., pd.DataFrame]:
    def serve(day: date = CALM, **options: object) -> pd.DataFrame:
        table = serve_day(year, classifier, day=day, version="3", features=FEATURES, **options)
        return table.to_pandas()

    return serve


@pytest.fixture(scope="module")
def breaches() -> Callable[[str, pd.DataFrame], set[str]]:
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batches = (
        context.data_sources.add_pandas("demo")
        .add_dataframe_asset("day")
        .add_batch_definition_whole_dataframe("whole")
    )

    def breaches(name: str, log: pd.DataFrame) -> set[str]:
        text = (ROOT / "expectations" / f"{name}.json").read_text(encoding="utf-8")
        written = json.loads(text)
        suite = gx.ExpectationSuite(**written)
        assert len(suite.expectations) == len(written["expectations"])  # none was dropped
        result = batches.get_batch({"dataframe": log}).validate(suite)
        return {
            str(one.expectation_config.kwargs.get("column"))
            for one in result.results
            if not one.success
        }

    return breaches


@pytest.fixture(scope="module")
def logs(
    year: pd.DataFrame, classifier: Pipeline, regressor: Pipeline
) -> Callable[..., pd.DataFrame]:
    jfk = year[year["origin"] == "JFK"]

    def logs(name: str, day_of_year: int, **options: bool) -> pd.DataFrame:
        rows, model, features = {
            "flight_delay": (year, classifier, FEATURES),
            "flight_minutes": (jfk, regressor, FEWER_FEATURES),
        }[name]
        day = year["day"].min().date() + timedelta(days=day_of_year)
        table = serve_day(rows, model, day=day, version="1", features=features, **options)
        return table.to_pandas()

    return logs


def first_days(year: pd.DataFrame, count: int, *, after: int = 0) -> pd.DataFrame:
    start = year["day"].min() + after * DAY
    return year[(year["day"] >= start) & (year["day"] < start + count * DAY)]


class TestDates:
    def test_the_last_day_is_the_one_that_was_asked_for(self, year: pd.DataFrame):
        assert year["day"].max().date() == END
        assert year["day"].nunique() == 52 * 7
        assert year["day"].max() - year["day"].min() == (52 * 7 - 1) * DAY

    @pytest.mark.parametrize(
        ("end", "weeks", "left_out"),
        [
            pytest.param(date(2026, 11, 23), 673, 0, id="a Monday: all days"),
            pytest.param(date(2026, 11, 22), 673, 1, id="a Sunday: the last Monday is left out"),
            pytest.param(date(2026, 11, 24), 674, 6, id="a Tuesday: one week on, six days fewer"),
            pytest.param(date(2013, 12, 30), 0, 0, id="2013 itself"),
            pytest.param(date(2012, 2, 29), -95, 5, id="before the data"),
        ],
    )
    def test_only_whole_weeks_are_moved_and_nothing_comes_after_the_end(
        self, few: Recorded, end: date, weeks: int, left_out: int
    ):
        moved = prepare(few, end=end)
        days = pd.Series(prepare(few, end=date(2013, 12, 30))["day"].unique())
        expected = (days + pd.Timedelta(weeks=weeks)).iloc[: len(days) - left_out]
        assert moved["day"].unique().tolist() == expected.tolist()
        assert moved["day"].max().date() == end

    def test_weekdays_and_the_hour_in_utc_stay_true(self, few: Recorded):
        moved, unmoved = prepare(few, end=END), prepare(few, end=date(2013, 12, 30))
        moved_by = (moved["served_at"] - unmoved["served_at"]).unique()
        assert len(moved_by) == 1
        assert moved_by[0] % pd.Timedelta(weeks=1) == pd.Timedelta(0)
        pd.testing.assert_frame_equal(moved[list(FEATURES)], unmoved[list(FEATURES)])

    def test_a_row_belongs_to_the_utc_day_on_which_it_was_served(self, year: pd.DataFrame):
        assert (year["served_at"].dt.tz_localize(None).dt.floor("D") == year["day"]).all()
        assert year["served_at"].is_monotonic_increasing

    def test_local_minutes_know_of_daylight_saving_time(self, year: pd.DataFrame):
        """Two hours before take-off, in New York's own time, whatever its distance from UTC."""
        unmoved = year["served_at"] - pd.Timedelta(weeks=(END - date(2013, 12, 30)).days // 7)
        departs = (unmoved + pd.Timedelta(hours=2)).dt.tz_convert("America/New_York")
        assert (departs.dt.hour * 60 + departs.dt.minute == year["scheduled_minute"]).all()
        assert (departs.dt.day_of_week == year["weekday"]).all()


class TestRows:
    def test_every_flight_of_the_52_weeks_is_there_once(self, year: pd.DataFrame):
        assert len(year) == 335_948
        assert year["request_id"].is_unique
        assert year["request_id"].str.fullmatch("[0-9a-f]{16}").all()

    def test_the_same_end_gives_the_same_rows(self, year: pd.DataFrame):
        pd.testing.assert_frame_equal(flights(end=END), year)

    def test_request_ids_of_another_week_are_others(self, few: Recorded):
        now, later = prepare(few, end=END), prepare(few, end=END + timedelta(weeks=1))
        assert not set(later["request_id"]) & set(now["request_id"])

    def test_numbers_are_floats_and_words_are_whole(self, year: pd.DataFrame):
        assert set(year[list(NUMERIC)].dtypes) == {np.dtype("float64")}
        assert year[list(CATEGORICAL)].notna().all(axis=None)
        assert (year["carrier"].nunique(), year["origin"].nunique()) == (16, 3)

    def test_without_the_package_the_way_out_is_told(self):
        with pytest.raises(NoFlights, match=r'pip install "monitoring_dagster\[demo\]"'):
            Recorded.read("no_such_package_of_flights")


class TestNothingSeesTheFuture:
    @pytest.mark.parametrize("day_of_year", [40, 150, 312], ids=["blizzard", "june", "november"])
    def test_features_stay_when_all_that_happened_later_is_dropped(
        self, recorded: Recorded, year: pd.DataFrame, day_of_year: int
    ):
        """At each day's last request: later weather is gone, later departures are unknown."""
        asked = year[year["day"] == year["day"].min() + day_of_year * DAY]
        now = asked["served_at"].iloc[-1] - pd.Timedelta(weeks=(END - date(2013, 12, 30)).days // 7)
        raw = recorded.flights
        departs = pd.to_datetime(raw["time_hour"], utc=True) + pd.to_timedelta(raw["minute"], "min")
        left = departs + pd.to_timedelta(raw["dep_delay"], "min")
        known = raw.assign(
            arr_delay=np.nan, air_time=np.nan, dep_delay=raw["dep_delay"].where(left <= now)
        )[departs <= now + pd.Timedelta(hours=2)]
        weather = recorded.weather
        past = weather[pd.to_datetime(weather["time_hour"], utc=True) <= now]
        then = prepare(Recorded(known, past, recorded.planes), end=END)
        told = then[then["day"] == asked["day"].iloc[0]]
        columns = ["request_id", "served_at", *FEATURES]
        pd.testing.assert_frame_equal(
            told[columns].reset_index(drop=True), asked[columns].reset_index(drop=True)
        )

    def test_the_recent_delay_is_the_mean_of_five_or_more_that_left_in_three_hours(
        self, recorded: Recorded, year: pd.DataFrame
    ):
        """Through one morning, from the first departure on."""
        raw = recorded.flights.query("month == 4 and day in [10, 11]")
        departs = pd.to_datetime(raw["time_hour"], utc=True) + pd.to_timedelta(raw["minute"], "min")
        left = departs + pd.to_timedelta(raw["dep_delay"], "min")
        unmoved = year["served_at"] - pd.Timedelta(weeks=(END - date(2013, 12, 30)).days // 7)
        morning = unmoved.between("2013-04-11 08:00Z", "2013-04-11 12:00Z")
        counts = set()
        for at, row in zip(unmoved[morning], year[morning].itertuples(), strict=True):
            at_hand = (left > at - pd.Timedelta(hours=3)) & (left <= at)
            recent = raw[at_hand & (raw["origin"] == row.origin)]
            expected = recent["dep_delay"].mean() if len(recent) >= 5 else np.nan
            assert row.origin_delay_3h_min == pytest.approx(expected, nan_ok=True)
            counts.add(len(recent))
        assert {4, 5} <= counts

    def test_weather_older_than_six_hours_is_no_weather(self, recorded: Recorded):
        hours = pd.to_datetime(recorded.weather["time_hour"], utc=True)
        june = recorded.flights.query("month == 6 and day == 10")
        until = pd.Timestamp("2013-06-10 08:00", tz="UTC")
        told = prepare(Recorded(june, recorded.weather[hours <= until], recorded.planes), end=END)
        age = told["served_at"] - until - pd.Timedelta(weeks=(END - date(2013, 12, 30)).days // 7)
        fresh = age <= pd.Timedelta(hours=6)
        assert told.loc[fresh, "temperature_f"].notna().all()
        assert told.loc[~fresh, "temperature_f"].isna().all()
        assert fresh.any()
        assert not fresh.all()


class TestLabels:
    def test_late_is_more_than_fifteen_minutes(self, year: pd.DataFrame):
        known = year.dropna(subset=["minutes"])
        assert set(known.loc[known["minutes"] == 15, "late"]) == {0.0}
        assert set(known.loc[known["minutes"] == 16, "late"]) == {1.0}

    def test_a_cancelled_flight_never_gets_one(self, year: pd.DataFrame):
        never = year["minutes"].isna()
        assert 0.02 < never.mean() < 0.04
        assert (year["arrived_at"].isna() == never).all()
        assert (year["late"].isna() == never).all()

    def test_all_arrive_at_six_after_the_landing_and_within_14_days(self, year: pd.DataFrame):
        known = year.dropna(subset=["arrived_at"])
        waited = known["arrived_at"] - known["served_at"]
        landed_at_the_earliest = pd.Timedelta(hours=2) + pd.to_timedelta(known["minutes"], "min")
        assert (waited > landed_at_the_earliest).all()
        assert waited.max() < 14 * DAY
        clock = known["arrived_at"].dt
        assert (clock.hour == 6).all()
        assert (clock.minute == 0).all()

    def test_four_in_five_are_there_two_days_later_and_a_few_come_last(self, year: pd.DataFrame):
        arrival_day = year["arrived_at"].dt.tz_localize(None).dt.floor("D")
        days = ((arrival_day - year["day"]) / DAY).dropna()
        assert days.min() == 1
        assert days.max() == 13
        assert (days <= 2).mean() == pytest.approx(0.84, abs=0.02)
        assert (days >= 6).mean() == pytest.approx(0.045, abs=0.01)

    def test_each_label_is_in_the_file_of_exactly_one_day(self, year: pd.DataFrame):
        some = year[year["day"].between("2026-06-01", "2026-06-07")]
        files = [
            labels_of(some, arrival_day=date(2026, 6, 1) + timedelta(days=n), label="late")
            for n in range(22)
        ]
        ids = pa.concat_tables(files)["request_id"].to_pylist()
        assert sorted(ids) == sorted(some.dropna(subset=["late"])["request_id"])

    def test_a_label_file_holds_what_arrived_on_its_day(self, year: pd.DataFrame):
        table = labels_of(year, arrival_day=CALM, label="minutes")
        assert table.schema.names == ["request_id", "label", "arrived_at"]
        assert set(table["arrived_at"].to_pandas().dt.date) == {CALM}
        assert table["label"].null_count == 0


class TestServing:
    def test_each_flight_of_the_day_is_answered_once(
        self, year: pd.DataFrame, serve: Callable[..., pd.DataFrame]
    ):
        log = serve()
        real = log[~log["synthetic"]]
        asked = year[year["day"] == pd.Timestamp(CALM)]
        assert sorted(real["request_id"]) == sorted(asked["request_id"])
        assert log["request_id"].is_unique
        assert set(log["model_version"]) == {"3"}

    def test_the_answer_is_the_models_own(
        self, serve: Callable[..., pd.DataFrame], classifier: Pipeline
    ):
        log = serve().query("status == 'ok'")
        score = classifier.predict_proba(log[list(FEATURES)])[:, 1]
        np.testing.assert_allclose(log["score"], score, rtol=0, atol=1e-12)
        assert ((log["score"] >= 0.3) == log["prediction"].astype(bool)).all()

    def test_one_in_a_thousand_fails_and_one_in_two_hundred_is_a_probe(
        self, year: pd.DataFrame, serve: Callable[..., pd.DataFrame]
    ):
        log = pd.concat([serve(CALM + timedelta(days=n)) for n in range(10)])
        failed = log["status"] == "error"
        assert 0.0003 < failed.mean() < 0.002
        assert log.loc[failed, ["score", "prediction"]].isna().all(axis=None)
        assert log.loc[~failed, ["score", "prediction"]].notna().all(axis=None)
        assert 0.003 < log["synthetic"].mean() < 0.007
        assert not set(log.loc[log["synthetic"], "request_id"]) & set(year["request_id"])

    def test_the_fallback_says_on_time_and_no_probability(self, serve: Callable[..., pd.DataFrame]):
        log = serve(fallback=True)
        assert set(log["status"]) == {"fallback"}
        assert set(log["prediction"]) == {0}
        assert log["score"].isna().all()
        assert (log["latency_inference_ms"] == 0).all()

    def test_every_day_has_the_same_columns_and_types(
        self, year: pd.DataFrame, classifier: Pipeline
    ):
        def schema(day: date, *, fallback: bool = False) -> pa.Schema:
            return serve_day(
                year, classifier, day=day, version="1", features=FEATURES, fallback=fallback
            ).schema

        assert schema(CALM) == schema(CALM, fallback=True) == schema(date(1999, 1, 1))

    def test_the_stages_add_up_and_the_tail_is_what_the_yaml_promises(
        self, serve: Callable[..., pd.DataFrame]
    ):
        log = serve()
        total = log["latency_feature_ms"] + log["latency_inference_ms"] + 1.0
        np.testing.assert_allclose(log["latency_total_ms"], total)
        assert 30 < log["latency_total_ms"].quantile(0.99) < 55

    def test_the_seed_alone_changes_luck(self, serve: Callable[..., pd.DataFrame]):
        pd.testing.assert_frame_equal(serve(), serve())
        other = serve(seed=1).query("not synthetic").reset_index(drop=True)
        same = serve().query("not synthetic").reset_index(drop=True)
        assert (other["latency_total_ms"] != same["latency_total_ms"]).all()
        pd.testing.assert_frame_equal(other[list(FEATURES)], same[list(FEATURES)])

    def test_a_regressor_answers_minutes(self, year: pd.DataFrame, regressor: Pipeline):
        jfk = year[year["origin"] == "JFK"]
        log = serve_day(jfk, regressor, day=CALM, version="1", features=FEWER_FEATURES).to_pandas()
        assert "score" not in log
        answered = log[log["status"] == "ok"]
        np.testing.assert_allclose(
            answered["prediction"], regressor.predict(answered[list(FEWER_FEATURES)])
        )


class TestOwners:
    """What the owners of the two models wrote themselves."""

    def test_the_classifier_is_worth_monitoring(self, year: pd.DataFrame, classifier: Pipeline):
        held_out = first_days(year, 15, after=75).dropna(subset=["late"])
        score = classifier.predict_proba(held_out[list(FEATURES)])[:, 1]
        assert roc_auc_score(held_out["late"], score) > 0.70
        always_the_mean = np.full(len(held_out), held_out["late"].mean())
        assert log_loss(held_out["late"], score) < 0.92 * log_loss(
            held_out["late"], always_the_mean
        )

    def test_the_regressor_beats_the_median(self, year: pd.DataFrame, regressor: Pipeline):
        held_out = (
            first_days(year, 15, after=75).query("origin == 'JFK'").dropna(subset=["minutes"])
        )
        error = mean_absolute_error(
            held_out["minutes"], regressor.predict(held_out[list(FEWER_FEATURES)])
        )
        median = np.full(len(held_out), held_out["minutes"].median())
        assert error < mean_absolute_error(held_out["minutes"], median)

    def test_a_carrier_never_seen_and_missing_values_are_answered(
        self, year: pd.DataFrame, classifier: Pipeline
    ):
        rows = year[list(FEATURES)].head(3).astype({"carrier": object})
        rows["carrier"] = ["Ω<!channel>", None, "UA"]
        rows.loc[0, list(NUMERIC)] = np.nan
        assert np.isfinite(classifier.predict_proba(rows)).all()

    @pytest.mark.parametrize("name", ["classifier", "regressor"])
    def test_a_model_is_stored_without_pickle_and_of_sklearn_types_alone(
        self, name: str, request: pytest.FixtureRequest, year: pd.DataFrame
    ):
        model = request.getfixturevalue(name)
        stored = skops_io.dumps(model)
        unknown = skops_io.get_untrusted_types(data=stored)
        assert all(one.startswith(("sklearn.", "numpy.")) for one in unknown)
        again = skops_io.loads(stored, trusted=unknown)
        rows = year.loc[:99, list(model.feature_names_in_)]
        np.testing.assert_array_equal(again.predict(rows), model.predict(rows))

    @pytest.mark.parametrize("name", ["flight_delay", "flight_minutes"])
    def test_the_yaml_names_what_exists(self, name: str):
        spec = spec_of(name)
        assert spec.name == name
        assert spec.expectations is not None
        assert (ROOT / spec.expectations).is_file()
        if spec.retraining:
            module, function = spec.retraining.trainer.split(":")
            assert callable(getattr(import_module(module), function))

    @pytest.mark.parametrize(
        ("name", "trained"), [("flight_delay", "classifier"), ("flight_minutes", "regressor")]
    )
    def test_the_yaml_names_each_column_that_the_service_writes(
        self, name: str, trained: str, year: pd.DataFrame, request: pytest.FixtureRequest
    ):
        spec, model = spec_of(name), request.getfixturevalue(trained)
        features = [one.name for one in spec.features or ()]
        log = serve_day(year, model, day=CALM, version="1", features=features)
        named = spec.predictions
        roles = {
            *(named.request_id, named.served_at, named.version, named.prediction, named.score),
            *(named.status, named.synthetic, *named.latency_ms.values()),
        } - {None}
        assert roles | set(features) == set(log.column_names)
        assert set(spec.segments) <= set(features)

    def test_the_large_model_sees_all_that_is_known(self):
        assert tuple(one.name for one in spec_of("flight_delay").features or ()) == FEATURES


class TestExpectations:
    """The reviewed suites, by Great Expectations itself, on real days."""

    @pytest.mark.parametrize("name", ["flight_delay", "flight_minutes"])
    @pytest.mark.parametrize(
        ("day_of_year", "fallback"),
        [
            pytest.param(0, False, id="the first day"),
            pytest.param(39, False, id="a blizzard"),
            pytest.param(127, False, id="hardly any pressure"),
            pytest.param(200, True, id="a day of fallback"),
            pytest.param(363, False, id="the last day"),
        ],
    )
    def test_real_days_keep_them(self, breaches, logs, name: str, day_of_year: int, fallback: bool):
        assert breaches(name, logs(name, day_of_year, fallback=fallback)) == set()

    def test_the_one_broken_instrument_of_2013_is_found(self, breaches, logs):
        """On 12 February 2013 the station at EWR reported a wind of 1,048 miles an hour."""
        assert breaches("flight_delay", logs("flight_delay", 42)) == {"wind_speed_mph"}

    @pytest.mark.parametrize(
        ("column", "spoil"),
        [
            pytest.param("request_id", lambda old: old.iloc[0], id="one id for all"),
            pytest.param("carrier", lambda old: old.where(old != "UA", "ZZ"), id="a new carrier"),
            pytest.param("temperature_f", lambda old: old + 100, id="hotter than anywhere"),
            pytest.param(
                "origin_delay_3h_min", lambda old: old.where(old.index % 5 == 0), id="nulls"
            ),
            pytest.param("status", lambda old: old + "!", id="an unknown status"),
            pytest.param("score", lambda old: old - 1, id="a negative probability"),
        ],
    )
    def test_a_spoilt_column_breaks_them(self, breaches, logs, column: str, spoil):
        log = logs("flight_delay", 100)
        assert breaches("flight_delay", log.assign(**{column: spoil(log[column])})) == {column}

    def test_a_column_that_is_gone_breaks_them(self, breaches, logs):
        log = logs("flight_delay", 100)
        assert "carrier" in breaches("flight_delay", log.drop(columns="carrier"))


def test_luck_is_spread_evenly_and_differs_by_purpose():
    ids = [f"{n:016x}" for n in range(20_000)]
    one, other = draws(ids, purpose="one"), draws(ids, purpose="other")
    counts, _ = np.histogram(one, bins=20, range=(0, 1))
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 43.8  # chi2 with 19 degrees: once in a thousand
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
