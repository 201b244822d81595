"""Rows lie in files or in a table, and labels come within days that somebody wrote down."""

import jsonschema
import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.sources import (
    FurtherLabels,
    Labels,
    OutsideSeries,
    Predictions,
    Review,
    Source,
)
from tests.spec.written import changed, told

FILES = {"path": "{day}.parquet"}


@pytest.mark.parametrize(
    ("place", "is_one"),
    [
        pytest.param(FILES, True, id="files"),
        pytest.param({"database": "log.duckdb", "table": "log"}, True, id="a table"),
        pytest.param({}, False, id="nowhere"),
        pytest.param({"database": "log.duckdb"}, False, id="a database without a table"),
        pytest.param({"table": "log"}, False, id="a table of no database"),
        pytest.param({**FILES, "table": "log"}, False, id="files and a table"),
        pytest.param({**FILES, "database": "log.duckdb"}, False, id="files and a database"),
        pytest.param({**FILES, "database": "log.duckdb", "table": "log"}, False, id="all three"),
    ],
)
def test_rows_lie_in_one_place_for_us_and_for_an_editor(place, is_one):
    if is_one:
        Source(**place)
    else:
        with pytest.raises(ValidationError, match="name either `path`, or `database` and `table`"):
            Source(**place)
    assert jsonschema.Draft202012Validator(Source.model_json_schema()).is_valid(place) is is_one


def test_a_table_is_named_without_quotes():
    ((place, message),) = told("predictions", {"database": "x.duckdb", "table": '"log"'})
    assert place == "predictions.table"
    assert "no plain identifier" in message


def test_ids_of_test_traffic_need_the_column_that_tags_it():
    written = {**FILES, "synthetic_prefixes": ["probe-"]}
    ((place, message),) = told("predictions", written)
    assert place == "predictions.synthetic_prefixes"
    assert "name the column `synthetic`, too" in message
    assert Predictions(**written, synthetic="is_test").synthetic_prefixes == ["probe-"]
    ((place, _),) = told("predictions", {**written, "synthetic_prefixes": [" "]})
    assert place.startswith("predictions.synthetic_prefixes")


def test_columns_that_are_measured_are_those_that_are_named():
    assert Predictions(**FILES).measured == []
    log = Predictions(**FILES, latency_ms={"total": "ms"}, key="client", features_at="computed_at")
    assert log.measured == ["ms", "client", "computed_at"]


@pytest.mark.parametrize(
    ("mature", "expire", "accepted"),
    [
        pytest.param(14, None, 28, id="twice the wait, where nothing is said"),
        pytest.param(14, 14, 14, id="no longer than the wait"),
        pytest.param(14, 90, 90, id="as long as is written"),
        pytest.param(0, None, 0, id="on the day itself"),
        pytest.param(0, 0, 0, id="on the day itself, as is written"),
    ],
)
def test_how_late_a_label_may_come_and_still_count(mature, expire, accepted):
    labels = Labels(**FILES, mature_after_days=mature, expire_after_days=expire)
    assert labels.accepted_days == accepted


def test_labels_do_not_expire_while_they_are_waited_for():
    ((place, message),) = told("labels.expire_after_days", 4)
    assert place == "labels.expire_after_days"
    assert "expire_after_days 4 is below mature_after_days 5" in message
    assert told("labels.expire_after_days", 5) == []


@pytest.mark.parametrize(
    ("record", "key", "good", "bad"),
    [
        pytest.param(Labels, "mature_after_days", [0, 365], [-1, 366], id="the wait"),
        pytest.param(Labels, "expire_after_days", [14, 730], [-1, 731], id="the expiry"),
        pytest.param(Labels, "min_coverage", [0.001, 1.0], [0.0, 1.001], id="the coverage"),
        pytest.param(FurtherLabels, "error_rate", [0.0, 0.499], [-0.001, 0.5], id="the errors"),
        pytest.param(Review, "share", [0.001, 1.0], [0.0, 1.001], id="the share to review"),
        pytest.param(Review, "batch_rows", [0], [-1], id="the batch to review"),
    ],
)
def test_numbers_end_where_they_mean_nothing_any_more(record, key, good, bad):
    """A label that is wrong half of the time says nothing; a coverage of nothing is none."""
    needed = FILES if issubclass(record, Source) else {}
    for number in good:
        assert getattr(record(**needed, **{key: number}), key) == number
    for number in bad:
        with pytest.raises(ValidationError, match="than"):
            record(**needed, **{key: number})


def test_columns_have_the_names_of_the_readme_where_nothing_is_said():
    log, labels, outside = Predictions(**FILES), Labels(**FILES), OutsideSeries(path="c.csv")
    assert (log.request_id, log.served_at, log.version, log.prediction) == (
        "request_id", "served_at", "model_version", "prediction",
    )  # fmt: skip
    assert (log.score, log.status, log.synthetic, log.latency_ms) == (None, None, None, {})
    assert (labels.request_id, labels.label, labels.arrived_at) == (
        "request_id", "label", "arrived_at",
    )  # fmt: skip
    assert (outside.day, outside.value) == ("day", "value")


def test_what_is_not_said_of_labels_is_what_we_would_choose():
    labels, further, review = Labels(**FILES), FurtherLabels(**FILES), Review()
    assert (labels.mature_after_days, labels.keep, labels.min_coverage) == (14, "first", 0.8)
    assert (labels.ambiguous, labels.annotator) == ([], None)
    assert further.error_rate == 0.0
    assert (review.share, review.batch_rows, review.source) == (0.01, 200, "human")


@pytest.mark.parametrize(
    "key", ["predictions.request_id", "predictions.score", "labels.label", "labels.annotator"]
)
def test_a_column_has_a_name(key):
    ((place, message),) = told(key, " ")
    assert place == key
    assert "write a name" in message


@pytest.mark.parametrize(
    ("latency", "place"),
    [
        pytest.param({"total": ""}, "predictions.latency_ms.total", id="no column"),
        pytest.param({"": "latency_ms"}, "predictions.latency_ms..[key]", id="no stage"),
    ],
)
def test_a_stage_and_its_column_have_names(latency, place):
    ((found, message),) = told("predictions.latency_ms", latency)
    assert found == place
    assert "write a name" in message


def test_signals_from_elsewhere_are_named_with_their_columns():
    signals = {"complaints": {"path": "data/complaints.csv", "value": "rate"}}
    one = ModelSpec.model_validate(changed("signals", signals)).signals["complaints"]
    assert (one.path, one.day, one.value) == ("data/complaints.csv", "day", "rate")


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        pytest.param({"chat": {"path": "secret.csv", "valu": "x"}}, "Did you mean 'value'",
                     id="misspelt key"),
        pytest.param({"chat": {"value": "secret"}}, "Field required", id="without a file"),
        pytest.param({"psi of x": {"path": "secret.csv"}}, "no plain identifier",
                     id="a name like one of ours"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_signal_is_told_and_repeats_no_value(signals, words):
    ((_, message),) = told("signals", signals)
    assert words in message
    assert "secret" not in message
