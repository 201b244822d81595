"""What an owner may not write: each slip is told with its place and the way out."""

from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import ModelSpec
from tests.test_spec import changed


def told(path: str, value: Any) -> list[tuple[str, str]]:
    """Place and words of what is wrong with the small world's file, with one key changed."""
    try:
        ModelSpec.model_validate(changed(path, value))
    except ValidationError as error:
        return [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
    return []


GOOD_PATHS = [
    pytest.param("data/{day}.parquet", id="one file a day"),
    pytest.param("{day}/{day}.parquet", id="the day twice"),
    pytest.param("/mnt/log/{day}.parquet", id="absolute"),
    pytest.param("../log/{day}.parquet", id="beside the project"),
    pytest.param("dt={day}/part-0.parquet", id="a partition folder"),
    pytest.param("log/{day}", id="without an ending"),
    pytest.param("log/{day}/", id="a folder a day"),
    pytest.param("log/{day}.snappy.parquet", id="compressed inside"),
    pytest.param("a b/o'brien/{day}.pq", id="blanks and quotes"),
    pytest.param("100%/a%20b/{day}.parquet", id="per cent"),
    pytest.param("{{ env.LOG }}/{day}.parquet", id="a template of Dagster's"),
]
BAD_PATHS = [
    pytest.param("{day}/*.parquet", "glob '*'", id="a glob below the day"),
    pytest.param("log/{day}-?.parquet", "glob '?'", id="a glob of one character"),
    pytest.param("log[ab]/{day}.parquet", "glob '[ab]'", id="a glob of two letters"),
    pytest.param("log/**/{day}.parquet", "glob '*'", id="a glob of folders"),
    pytest.param("log/{day}.csv", r"pandas.read_csv(old).to_parquet(new)", id="CSV"),
    pytest.param("log/{day}.CSV", ".csv: the daily steps read Parquet", id="CSV in capitals"),
    pytest.param("log/{day}.jsonl", "pandas.read_json", id="JSON lines"),
    pytest.param("log/{day}.xlsx", "pandas.read_excel", id="a workbook"),
    pytest.param("log/{day}.avro", "Write each file anew as Parquet", id="Avro"),
    pytest.param("log/{day}.parquet.gz", "unpack each file", id="Parquet in gzip"),
    pytest.param("s3://bucket/{day}.parquet", "s3:// begins a URL", id="S3"),
    pytest.param("GS://bucket/{day}.parquet", "copy or mount them", id="a bucket in capitals"),
    pytest.param("abfs://c@account/{day}.parquet", "abfs:// begins a URL", id="Azure"),
    pytest.param("file:///log/{day}.parquet", "file:/// begins a URL", id="a file as URL"),
    pytest.param("dbfs:/log/{day}.parquet", "dbfs:/ begins a URL", id="Databricks"),
    pytest.param("log/all.parquet", "no {day} where the date stands", id="no day"),
    pytest.param("{{ day }}.parquet", "no {day} where the date stands", id="the day as template"),
    pytest.param("log/{date}.parquet", "Did you mean {day}?", id="another word for it"),
    pytest.param("log/{Day}.parquet", "Did you mean {day}?", id="the day in capitals"),
    pytest.param("log/{ day }.parquet", "Did you mean {day}?", id="the day with blanks"),
    pytest.param("log/{day:%Y}.parquet", "always written as 2026-03-01", id="a format"),
    pytest.param("{year}/{month}/{day}.parquet", "placeholder {year}", id="the day in parts"),
    pytest.param("log/%Y-%m-%d.parquet", "Did you mean {day}?", id="as strftime has it"),
    pytest.param("log/%Y/{day}.parquet", "'%Y' in it", id="strftime beside the day"),
    pytest.param("log/YYYYMMDD/{day}.parquet", "'YYYY' in it", id="letters for digits"),
    pytest.param("log/{day", "a brace without its other half", id="a brace left open"),
    pytest.param("~/log/{day}.parquet", "not expanded: write the folder out", id="home"),
    pytest.param("$HOME/{day}.parquet", "{{ env.HOME }}", id="a variable"),
    pytest.param("${DATA}/{day}.parquet", "{{ env.DATA }}", id="a variable in braces"),
    pytest.param("%DATA%/{day}.parquet", "{{ env.DATA }}", id="a variable of Windows"),
    pytest.param("log\\{day}.parquet", "write / between folders", id="backslashes"),
    pytest.param("", "nothing is written here", id="empty"),
    pytest.param(" \n", "nothing is written here", id="blank"),
    pytest.param("log/{day}.parquet\n", "a line break at an end", id="a line break"),
    pytest.param("log/{day}.parquet\x1b[31m", "control character", id="a colour"),
    pytest.param(["{day}"], "text is wanted here, and YAML reads a list", id="a list"),
]  # fmt: skip


@pytest.mark.parametrize("path", GOOD_PATHS)
@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_one_parquet_file_a_day_is_read(source, path):
    assert told(f"{source}.path", path) == []


@pytest.mark.parametrize(("path", "words"), BAD_PATHS)
@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_a_path_that_no_day_can_be_read_from_is_refused(source, path, words):
    (place, message), *more = told(f"{source}.path", path)
    assert (place, more) == (f"{source}.path", [])
    assert words in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("https://ann:canary@host/{day}.parquet", id="a password in a URL"),
        pytest.param("https://host/{day}.parquet?sig=canary", id="a signature"),
        pytest.param("ann:canary@host:/{day}.csv", id="a password before a host"),
    ],
)
def test_a_refused_path_is_repeated_without_its_password(path):
    assert "canary" not in str(told("predictions.path", path))


def test_a_long_path_is_cut():
    assert len(told("predictions.path", 1000 * "x")[0][1]) < 250


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        pytest.param("signals", {"c": {"path": "s3://b/c.csv"}}, "signals.c.path", "a URL",
                     id="outside numbers in a bucket"),
        pytest.param("signals", {"c": {"path": "c.xlsx"}}, "signals.c.path", "CSV or Parquet",
                     id="outside numbers in a workbook"),
        pytest.param("signals", {"c": {"path": "{Day}.csv"}}, "signals.c.path", "mean {day}",
                     id="outside numbers by another day"),
        pytest.param("expectations", "e.yaml", "expectations", "a suite is JSON",
                     id="a suite in YAML"),
        pytest.param("expectations", "~/e.json", "expectations", "not expanded",
                     id="a suite at home"),
        pytest.param("predictions", {"database": "md:log", "table": "log"},
                     "predictions.database", "md: begins a URL", id="a database elsewhere"),
        pytest.param("predictions", {"database": "{day}.duckdb", "table": "log"},
                     "predictions.database", "one file for all days", id="a database a day"),
        pytest.param("predictions", {"database": "x.duckdb", "table": '"log"'},
                     "predictions.table", "no plain identifier", id="a table in quotes"),
    ],
)  # fmt: skip
def test_other_files_are_of_this_machine_and_named_in_full(key, value, place, words):
    ((found, message),) = told(key, value)
    assert found == place
    assert words in message


@pytest.mark.parametrize(
    "signal", ["c.csv", "c/*.csv", "c", "{day}.csv", "/mnt/[0-9]/c.tsv.gz", "../c.parquet"]
)
def test_outside_numbers_lie_in_a_file_a_folder_or_behind_a_glob(signal):
    assert told("signals", {"c": {"path": signal}}) == []


def test_a_database_may_come_later():
    assert told("predictions", {"database": "gone.duckdb", "table": "log"}) == []


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        pytest.param("", "no channel is named", id="empty"),
        pytest.param("#", "no channel is named", id="a hash alone"),
        pytest.param("  ", "no channel is named", id="blank"),
        pytest.param("#ml alerts", "no name of one channel", id="a blank inside"),
        pytest.param("#a,#b", "no name of one channel", id="two channels"),
        pytest.param("##a", "no name of one channel", id="two hashes"),
        pytest.param("@ann", "no name of one channel", id="a person"),
        pytest.param("#ML-Alerts", "Did you mean '#ml-alerts'?", id="capitals"),
        pytest.param("https://x.slack.com/archives/C1", "this is a URL", id="a link"),
        pytest.param("https://hooks.slack.com/canary", "this is a secret", id="a webhook"),
        pytest.param("xoxb-1-canary", "this is a secret", id="a token"),
        pytest.param(None, "an unquoted # begins a comment", id="a comment"),
        pytest.param(5, "write it in quotes", id="a number"),
        pytest.param("#" + 99 * "a", "at most 80", id="longer than Slack allows"),
    ],
)
def test_a_channel_that_slack_cannot_have_is_refused(channel, words):
    ((place, message),) = told("channels.slack", channel)
    assert place == "channels.slack"
    assert words in message
    assert "canary" not in message


@pytest.mark.parametrize("channel", ["#ml-alerts", "ml_alerts", "C012ABCDEF", "#für-ml",
                                     "{{ env.CHANNEL }}"])  # fmt: skip
def test_a_channel_is_a_name_an_id_or_a_template(channel):
    assert told("channels.slack", channel) == []


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        pytest.param("channels", {"slak": "#a"}, "channels.slak", "mean 'slack'",
                     id="a level down"),
        pytest.param("rules.drift", {"alhpa": 0.1}, "rules.drift.alhpa", "mean 'alpha'",
                     id="two levels down"),
        pytest.param("rules.drift", {"baselines": [{}, {"dys": 7}]}, "rules.drift.baselines.1.dys",
                     "mean 'days'", id="in a list"),
        pytest.param("rules.performance", {"brier": {"relativ": 0.1}},
                     "rules.performance.brier.relativ", "mean 'relative'", id="in a mapping"),
        pytest.param("rules.segments", {"country": {"DE": {"brier": {"absolut": 0.1}}}},
                     "rules.segments.country.DE.brier.absolut", "mean 'absolute'",
                     id="at the bottom"),
        pytest.param("further_labels", {"human": {"path": "{day}", "error_rat": 0.1}},
                     "further_labels.human.error_rat", "mean 'error_rate'", id="by source"),
        pytest.param("metrics", [{"name": "c", "value": {"pt": 1}}], "metrics.0.value.pt",
                     "It has: fn, fp, tn, tp", id="in a table of values"),
        pytest.param("rules.segments", {"country": {"DE": {"acc": {"relative": 0.1}}}},
                     "rules.segments.country.DE.acc", "no metric 'acc'", id="a metric's name"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_found_at_every_depth(key, value, place, words):
    (found,) = (one for one in told(key, value) if one[0] == place)
    assert words in found[1]


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        pytest.param("features", ["age"], "features.0", "its keys: name, kind", id="plain words"),
        pytest.param("features", {"age": "numeric"}, "features", "a list", id="a mapping"),
        pytest.param("segments", "country", "segments", "after a dash", id="one word"),
        pytest.param("segments", [2026], "segments.0", "write it in quotes", id="a year"),
        pytest.param("name", True, "name", "write it in quotes", id="a model named on"),
        pytest.param("labels.mature_after_days", "14", "labels.mature_after_days",
                     "without quotes", id="a number in quotes"),
        pytest.param("labels.mature_after_days", True, "labels.mature_after_days",
                     "a whole number is wanted", id="yes for a number"),
        pytest.param("labels.min_coverage", "80%", "labels.min_coverage", "without a unit",
                     id="per cent"),
        pytest.param("labels.min_coverage", 80, "labels.min_coverage", "less than or equal to 1",
                     id="per cent as a number"),
        pytest.param("labels.min_coverage", float("nan"), "labels.min_coverage", "finite",
                     id="not a number"),
        pytest.param("multivariate_drift", "yes", "multivariate_drift", "true or false is wanted",
                     id="yes in quotes"),
        pytest.param("critical", True, "critical", "has moved: write multivariate_drift",
                     id="a key of another name"),
        pytest.param("rules", None, "rules", "nothing is written here", id="a key left empty"),
        pytest.param("rules.performance", {"brier": 0.05}, "rules.performance.brier",
                     "its keys: relative, absolute", id="a number for a tolerance"),
        pytest.param("rules.segments", {"country": {False: {}}}, "rules.segments.country.0",
                     "write it in quotes", id="Norway"),
        pytest.param("first_day", "2026-02-30", "first_day", "no day", id="no such day"),
        pytest.param("first_day", "01.03.2026", "first_day", "2026-03-01", id="another format"),
        pytest.param("first_day", 20260301, "first_day", "no day", id="a number for a day"),
        pytest.param("first_day", "2962-03-01", "first_day", "in the future", id="a day to come"),
        pytest.param("first_day", "0206-03-01", "first_day", "before any", id="a day of long ago"),
        pytest.param("retraining.trainer", "assets/churn/train.py:train", "retraining.trainer",
                     "Did you mean 'assets.churn.train:train'?", id="a trainer's file"),
        pytest.param("retraining.trainer", "assets.churn.train.train", "retraining.trainer",
                     "not module:name", id="a trainer without a colon"),
        pytest.param("retraining.cadence", "Weekly", "retraining.cadence", "'weekly'",
                     id="capitals"),
        pytest.param("predictions.request_id", " ", "predictions.request_id", "write a name",
                     id="a column without a name"),
        pytest.param("segments", ["country", "country"], "segments.1", "stands here twice",
                     id="a segment twice"),
        pytest.param("features", [{"name": "a"}, {"name": "a"}], "features.1", "twice",
                     id="a feature twice"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_told_by_its_form(key, value, place, words):
    ((found, message),) = told(key, value)
    assert found == place
    assert words in message


@pytest.mark.parametrize(("key", "value"), [("labels", None), ("review", {})])
def test_a_mistake_in_the_whole_repeats_nothing_of_it(key, value):
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(changed("description", "canary") | {key: value})
    assert "canary" not in str(raised.value)


SCHEMA = jsonschema.Draft202012Validator(ModelSpec.model_json_schema())


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_an_editor_takes_what_is_right(path):
    """The JSON schema is never stricter: Dagster would refuse in words that nobody understands."""
    assert SCHEMA.is_valid(changed("predictions.path", path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("predictions.path", "{day}/*.parquet", id="a glob"),
        pytest.param("predictions.path", "{day}.csv", id="CSV"),
        pytest.param("labels.path", "s3://bucket/{day}.parquet", id="S3"),
        pytest.param("predictions.path", "all.parquet", id="no day"),
        pytest.param("predictions.table", "log", id="a file and a table"),
        pytest.param("channels.slack", "#", id="no channel"),
        pytest.param("rules.drift", {"alhpa": 0.1}, id="a misspelt key below"),
        pytest.param("rules.drift", {"alpha": 5}, id="a number out of range"),
        pytest.param("task", "clustering", id="an unknown word"),
        pytest.param("retraining.trainer", "train.py", id="a trainer's file"),
    ],
)
def test_an_editor_marks_what_is_wrong(key, value):
    assert not SCHEMA.is_valid(changed(key, value))
