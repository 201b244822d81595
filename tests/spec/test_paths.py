"""A path of a file that the daily steps cannot read is refused with the way out."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.paths import DailyPath, FilePath, NumbersPath, SuitePath
from tests.spec.written import changed, told

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
        pytest.param("signals", {"c": {"path": "c.parquet.gz"}}, "signals.c.path",
                     "CSV or Parquet", id="outside numbers in Parquet in gzip"),
        pytest.param("signals", {"c": {"path": "{Day}.csv"}}, "signals.c.path", "mean {day}",
                     id="outside numbers by another day"),
        pytest.param("expectations", "e.yaml", "expectations", "a suite is JSON",
                     id="a suite in YAML"),
        pytest.param("expectations", "~/e.json", "expectations", "not expanded",
                     id="a suite at home"),
        pytest.param("expectations", "suites/*.json", "expectations", "named in full",
                     id="several suites"),
        pytest.param("predictions", {"database": "md:log", "table": "log"},
                     "predictions.database", "md: begins a URL", id="a database elsewhere"),
        pytest.param("predictions", {"database": "{day}.duckdb", "table": "log"},
                     "predictions.database", "one file for all days", id="a database a day"),
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


SCHEMA = jsonschema.Draft202012Validator(ModelSpec.model_json_schema())


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_an_editor_takes_what_is_right(path):
    """The JSON schema is never stricter: Dagster would refuse in words that nobody understands."""
    assert SCHEMA.is_valid(changed("predictions.path", path))


PIECES = st.sampled_from(
    ["{day}", "{day", "{{ env.LOG }}", "log", "~", "/", "//", ":", "s3:", "c:", ".", "..", "%Y",
     "%", "$A", " ", "=", "[0]", "*", "?", "\\", "\n", ".csv", ".CSV", ".parquet", ".gz", ".json"]
)  # fmt: skip
KINDS = {
    kind: (TypeAdapter(of), jsonschema.Draft202012Validator(TypeAdapter(of).json_schema()))
    for kind, of in {
        "a file a day": DailyPath,
        "one file": FilePath,
        "a suite": SuitePath,
        "numbers": NumbersPath,
    }.items()
}


@pytest.mark.parametrize("kind", KINDS)
@given(pieces=st.lists(PIECES, max_size=6))
def test_whatever_is_read_is_taken_as_written_and_by_an_editor_too(kind, pieces):
    path = "".join(pieces)
    adapter, schema = KINDS[kind]
    try:
        read = adapter.validate_python(path)
    except ValidationError as error:
        (told_of,) = error.errors()
        assert told_of["msg"].isprintable()
    else:
        assert read == path
        assert schema.is_valid(path)
