"""Spark answers what DuckDB answers, on a cluster of worker processes and whoever of them dies."""

import os
import shutil
import sys
import warnings
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.sources.rows import questions, rows, served, spark
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.suites.counted.counted_expectations import broken_by_count
from monitoring_dagster.sources.suites.suites import Expectation, Suite
from monitoring_dagster.spec import Predictions
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins, bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.profiles import PROFILE, profiles_of, service_of
from tests.world import START

PANDAS = "PySpark does not yet fully support pandas"
pytestmark = pytest.mark.filterwarnings(f"ignore:{PANDAS}:FutureWarning")

DAY = date(2025, 3, 1)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
LOG = Predictions(
    path="log/{day}.parquet",
    status="status",
    synthetic="is_test",
    latency_ms={"features": "feature_ms", "model": "model_ms"},
)
PLAIN = Predictions(path="log/{day}.parquet")
HOSTILE = 'a`b."c" {x}%\n;--'
SEGMENTS = ["country", "user"]
MARK = 4711.25  # the value that the middle row alone has
# A Java process that lives for a minute: its second compiler would work longer than it saves.
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="module")
def cluster():
    """Two executors of 1 core and 1 GB, each a process of its own."""
    if find_spec("pyspark") is None:
        pytest.skip('PySpark is not installed: pip install "monitoring_dagster[spark]"')
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Java is not installed, and Spark does not run without it")
    with pytest.MonkeyPatch.context() as environment, warnings.catch_warnings():
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        warnings.filterwarnings("ignore", PANDAS, FutureWarning)
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "OFF",  # what is killed on purpose is no news
            "spark.sql.files.maxPartitionBytes": "131072",  # several parts of a small file
            "spark.sql.files.openCostInBytes": "0",
            "spark.sql.shuffle.partitions": "1",
            "spark.task.maxFailures": "2",
            "spark.driver.extraJavaOptions": QUICK_START,
            "spark.executor.extraJavaOptions": QUICK_START,
        }
        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config(map=settings)
            .getOrCreate()
        )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day with every kind of row, and the bins of its versions 1 and 2; version 9 has none."""
    rng, n = np.random.default_rng(7), 8_000

    def some(values, *, missing=0.05):
        return [None if rng.random() < missing else value for value in values]

    x = rng.normal(size=n)
    x[rng.random(n) < 0.05] = np.nan
    x[rng.random(n) < 0.02] = np.inf
    x[rng.random(n) < 0.02] = -np.inf
    x[n // 2] = MARK
    table = pa.table(
        {
            "request_id": some(f"request {i}" for i in rng.integers(0, n, n)),
            "served_at": pa.array(
                [NOON + timedelta(minutes=int(m)) for m in rng.integers(0, 3, n)],
                pa.timestamp("ns", tz="UTC"),
            ),
            "model_version": some(rng.choice(["1", "2", "9"], n, p=[0.8, 0.15, 0.05])),
            "prediction": rng.integers(0, 2, n),
            "status": some(
                rng.choice(["ok", "error", "fallback", "lost"], n, p=[0.85, 0.05, 0.05, 0.05])
            ),
            "is_test": some(rng.random(n) < 0.05),
            "feature_ms": some(rng.exponential(3, n).tolist()),
            "model_ms": np.where(rng.random(n) < 0.1, np.inf, rng.exponential(9, n)),
            "x": some(x.tolist()),
            "small": pa.array(rng.integers(0, 200, n), pa.uint8()),
            "count": some(rng.poisson(3, n).tolist()),
            "colour": some(rng.choice(["red", "green", "blue", "new", "newer"], n)),
            "flag": some(rng.random(n) < 0.3),
            "since": pa.array(rng.integers(0, 4, n), pa.timestamp("ns")),
            HOSTILE: rng.normal(size=n),
            "country": some(rng.choice(["DE", "FR"], n)),
            "user": [f"user {i}" for i in rng.integers(0, 400, n)],
        }
    )
    usual = {"request_id": "the middle", "model_version": "1", "status": "ok", "is_test": False}
    for name, value in usual.items():
        values = table[name].to_pylist()
        values[n // 2] = value
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    root = tmp_path_factory.mktemp("spark")
    write(table, root)
    first = {
        name: bins_of(table[name].slice(0, 300), column=name)
        for name in ("x", "small", "count", "flag", "since", HOSTILE)
    }
    first["colour"] = CategoricalBins(("red", "green"))
    return root, {"1": first, "2": {"x": NumericBins(np.array([0.0])), "colour": first["colour"]}}


def write(table, root, name=f"{DAY}.parquet"):
    path = root / "log" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(table, path, row_group_size=500)
    return path


def answers(engine, log, root, bins, segments=()):
    """All that is asked of an engine about a day."""
    account, profiles = engine.profile_day(log, DAY, root=root, bins=bins, segments=segments)
    versions = engine.versions_of(log, DAY, root=root)
    return account, profiles, versions, engine.service_numbers(log, DAY, root=root)


def assert_equal_profiles(left, right):
    """Counts to the last one, sums of floats but for the order in which they were added."""
    assert set(left) == set(right)
    for group, one in left.items():
        other = right[group]
        assert (one.rows, set(one.columns)) == (other.rows, set(other.columns))
        for name, a in one.columns.items():
            b = other.columns[name]
            assert a.digest == b.digest
            assert a.counts.tolist() == b.counts.tolist(), (group, name)
            assert a.nulls == b.nulls
            if hasattr(a, "unseen"):
                assert a.unseen == b.unseen
                continue
            exact = ("negative_infinite", "positive_infinite", "minimum", "maximum")
            assert [getattr(a, it) for it in exact] == [getattr(b, it) for it in exact]
            np.testing.assert_allclose(a.sums, b.sums, rtol=1e-12, atol=1e-9)
            assert a.mean == pytest.approx(b.mean, rel=1e-12, abs=1e-12)
            assert a.m2 == pytest.approx(b.m2, rel=1e-9, abs=1e-9)


def assert_equal_service(left, right):
    """Quantiles interpolate alike."""
    assert (left.requests, left.errors, left.fallback) == (
        right.requests,
        right.errors,
        right.fallback,
    )
    assert list(left.latency_ms) == list(right.latency_ms)
    for stage, one in left.latency_ms.items():
        other = right.latency_ms[stage]
        assert (one.p50, one.p95, one.p99) == pytest.approx((other.p50, other.p95, other.p99))


def test_a_day_is_the_same_to_the_last_count(cluster, day):
    """Account, versions, profiles by version and segment, latencies."""
    root, bins = day
    account, profiles, versions, numbers = answers(spark, LOG, root, bins, SEGMENTS)
    others_account, others_profiles, others_versions, others_numbers = answers(
        served, LOG, root, bins, SEGMENTS
    )
    assert account == others_account
    assert account.duplicate_ids > 1_000
    assert list(versions.items()) == list(others_versions.items())
    assert_equal_profiles(profiles, others_profiles)
    assert_equal_service(numbers, others_numbers)
    assert Group("1", "user", "(other)") in profiles
    assert {Group("9"), Group("(missing)")} < set(profiles)


def values_to(kind, column, **kwargs):
    return Expectation(f"expect_column_values_to_{kind}", {"column": column, **kwargs}, "critical")


def of_column(kind, column, **kwargs):
    kind = f"expect_column_{kind}_to_be_between"
    return Expectation(kind, {"column": column, **kwargs}, "critical")


EXPECTATIONS = [
    values_to("not_be_null", "request_id"),
    values_to("be_unique", "request_id"),
    values_to("be_between", "x", min_value=-1, max_value=1, strict_max=True),
    values_to("be_between", HOSTILE, min_value=-1),
    values_to("be_in_set", "colour", value_set=["red", "it's", "a\\b"]),
    values_to("match_regex", "user", regex=r"^user [0-9]{1,2}$"),
    values_to("not_match_like_pattern", "user", like_pattern="user 1%"),
    values_to("be_of_type", "count", type_="str"),
    of_column("value_lengths", "user", min_value=7),
    of_column("mean", "small", max_value=1),
    of_column("median", "x", min_value=9),
    of_column("unique_value_count", "colour", max_value=1),
    Expectation("expect_column_most_common_value_to_be_in_set",
                {"column": "country", "value_set": ["IT"]}, "critical"),
    Expectation("expect_column_distinct_values_to_equal_set",
                {"column": "country", "value_set": ["DE", "IT"]}, "critical"),
    Expectation("expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": "x", "column_B": HOSTILE}, "critical"),
    Expectation("expect_compound_columns_to_be_unique",
                {"column_list": ["colour", "country"]}, "critical"),
    Expectation("expect_table_row_count_to_equal", {"value": 1}, "critical"),
]  # fmt: skip


def test_a_suite_breaks_as_in_duckdb(cluster, day):
    """The same counts; examples, of which either engine has its own, are of the rows."""
    suite = Suite("small", Path("small.json"), tuple(EXPECTATIONS))
    found = {}
    for engine in (questions, spark):
        with engine.asked_day(LOG, DAY, root=day[0]) as asked:
            found[engine] = broken_by_count(suite, asked)
    (broken, left), (in_spark, left_in_spark) = found[questions], found[spark]
    assert left == left_in_spark == {}
    assert [*broken] == [*range(len(EXPECTATIONS))] == [*in_spark]
    for one, other in zip(broken.values(), in_spark.values(), strict=True):
        assert one.unexpected_share == other.unexpected_share
        assert one.words.partition(", for ex")[0] == other.words.partition(", for ex")[0]
        assert (", for example" in one.words) is (", for example" in other.words)


@pytest.mark.parametrize("generations", [0, 2], ids=["Python worker", "executor"])
def test_a_worker_killed_in_the_middle_changes_nothing(cluster, day, tmp_path, generations):
    """SIGKILL for the process that holds the middle row, or for the executor above it."""
    root, bins = day
    killed = tmp_path / "killed"

    class Deadly(NumericBins):
        def index(self, values):
            if MARK in values and not killed.exists():
                import signal
                from pathlib import Path

                victim = os.getpid()
                for _ in range(generations):
                    victim = int(Path(f"/proc/{victim}/stat").read_text().rsplit(")")[1].split()[1])
                command = Path(f"/proc/{victim}/cmdline").read_text()
                killed.write_text(f"{victim} {command}")
                os.kill(victim, signal.SIGKILL)
                signal.pause()
            return super().index(values)

    deadly = bins | {"1": bins["1"] | {"x": Deadly(bins["1"]["x"].edges, bins["1"]["x"].near)}}
    account, profiles = spark.profile_day(LOG, DAY, root=root, bins=deadly, segments=SEGMENTS)
    victim, command = killed.read_text().split(" ", 1)
    assert ("CoarseGrainedExecutorBackend" if generations else "pyspark.daemon") in command
    assert not os.path.exists(f"/proc/{victim}")
    others_account, others_profiles = served.profile_day(
        LOG, DAY, root=root, bins=bins, segments=SEGMENTS
    )
    assert account == others_account
    assert_equal_profiles(profiles, others_profiles)


@pytest.mark.parametrize("folder", [False, True], ids=["one file", "a folder of parts"])
def test_of_answers_that_look_alike_the_first_in_the_file_counts(cluster, tmp_path, folder):
    """Time, version and answer tie, a missing time comes last; hostile paths are only paths."""
    root = tmp_path / ("plain" if folder else "o'b[r]{i}?*n")
    times = [None, NOON + timedelta(minutes=1), NOON, NOON, NOON, None]
    table = pa.table(
        {
            "request_id": ["a", "a", "a", "a", "b", None],
            "served_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "model_version": ["1"] * 6,
            "prediction": [0, 0, 1, 1, None, None],
            "x": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        }
    )
    for part in range(2) if folder else ():
        write(table.slice(3 * part, 3), root, f"{DAY}.parquet/part-{part}.parquet")
    if not folder:
        write(table, root)
    bins = {"1": {"x": NumericBins(np.empty(0))}}
    found = spark.profile_day(PLAIN, DAY, root=root, bins=bins)
    assert found == served.profile_day(PLAIN, DAY, root=root, bins=bins)
    assert found[1][Group("1")].columns["x"].sums.tolist() == [4.0 + 16.0 + 32.0]


def test_an_empty_day_has_no_profiles(cluster, tmp_path):
    """It is read like any other."""
    table = pa.table({name: pa.array([], pa.string()) for name in needed(PLAIN)})
    write(table, tmp_path)
    found = spark.profile_day(PLAIN, DAY, root=tmp_path, bins={})
    assert found == served.profile_day(PLAIN, DAY, root=tmp_path, bins={})
    assert found == (served.PredictionAccount(0, 0, 0, 0, 0, 0), {})


def test_the_engine_is_one_key_in_the_yaml(cluster, world):
    """The step stores the same profiles and says the same about the service."""
    before = profiles_of(world.monitor, START), service_of(world.monitor, START)
    stored = world.monitor.results.stamp("tiny", PROFILE, START)
    world.spec_changes["engine"] = "spark"
    report = profile.run(world.monitor, START)
    assert world.monitor.results.stamp("tiny", PROFILE, START) != stored
    assert report.numbers["rows"] == world.rows_a_day
    assert_equal_profiles(profiles_of(world.monitor, START), before[0])
    service = service_of(world.monitor, START)
    latencies = [one.pop("latency_ms")["total"] for one in (service, before[1])]
    assert service == before[1]
    assert latencies[0] == pytest.approx(latencies[1])


def test_a_missing_day_and_a_missing_column_are_told_as_ever(cluster, day):
    """By the same words as DuckDB's."""
    root, _ = day
    for log, on, error in (
        (PLAIN, date(2025, 3, 2), rows.MissingDay),
        (Predictions(path=PLAIN.path, status="statu"), DAY, UnknownColumn),
        (Predictions(path=PLAIN.path, latency_ms={"model": "model"}), DAY, UnknownColumn),
    ):
        told = []
        for engine in (served, spark):
            with pytest.raises(error) as raised:
                engine.service_numbers(log, on, root=root)
            told.append(str(raised.value))
        assert told[0] == told[1]


def test_rot_in_the_middle_is_an_error_and_not_fewer_rows(cluster, day, tmp_path):
    """The footer is whole, and the rows are not."""
    root, bins = day
    rotten = bytearray((root / "log" / f"{DAY}.parquet").read_bytes())
    rotten[len(rotten) // 4 : len(rotten) // 2] = bytes(len(rotten) // 4)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / f"{DAY}.parquet").write_bytes(rotten)
    with pytest.raises(rows.UnreadableFile, match=f"{DAY}.parquet: .*FAILED_READ_FILE"):
        spark.profile_day(LOG, DAY, root=tmp_path, bins=bins)


def test_what_is_no_number_is_no_latency(cluster, day):
    """The stage is left out by both engines; the contract tells of it."""
    root, _ = day
    log = Predictions(path=PLAIN.path, latency_ms={"model": "colour", "features": "feature_ms"})
    for engine in (served, spark):
        assert list(engine.service_numbers(log, DAY, root=root).latency_ms) == ["features"]


def test_a_day_written_otherwise_is_read_alike(cluster, tmp_path):
    """Versions as floats, states in capitals, numbers and times as text, booleans as floats."""
    n = 40
    table = pa.table(
        {
            "request_id": ["", "a", "a", None] * 10,
            "served_at": ["2025-03-01T10:00:00Z", "no time", None, "2025-03-01 09:00:00+02:00"]
            * 10,
            "model_version": [1.0, None, 1.0, 2.0, float("nan")] * 8,
            "prediction": [True, False] * 20,
            "status": ["OK", " ok ", "Error", "success"] * 10,
            "is_test": ["False", "true", "x", None, "false"] * 8,
            "feature_ms": ["1.5", "fast", "2", "3"] * 10,
            "model_ms": [1.0] * n,
            "number": [" 1", "2.5", "old", "NaN"] * 10,
            "truth": [1.0, 0.0, None, 2.0] * 10,
            "score": [1.0 + 2e-16, -1e-12, 0.5, float("nan"), 1.7] * 8,
            "whole": pa.array([1, 0, 1, None] * 10).cast(pa.decimal128(21, 2)),
        }
    )
    write(table, tmp_path)
    bins = {
        "number": NumericBins(np.array([1.0, 2.0])),
        "truth": CategoricalBins(("true", "false")),
        "prediction": CategoricalBins(("1", "0")),
        "score": NumericBins(np.array([0.0, 0.5, 0.99])),
        "whole": CategoricalBins(("0", "1")),
    }
    log = LOG.model_copy(update={"score": "score"})
    account, profiles, versions, numbers = answers(spark, log, tmp_path, {"1": bins, "2": bins})
    others = answers(served, log, tmp_path, {"1": bins, "2": bins})
    assert (account, versions) == (others[0], others[2])
    assert_equal_profiles(profiles, others[1])
    assert_equal_service(numbers, others[3])
    assert numbers.unknown_statuses == others[3].unknown_statuses == {"success": 8}
    assert set(versions) == {"", "1", "2"}
    assert profiles[Group("1")].columns["prediction"].counts[2:].sum() == 0


@pytest.mark.parametrize("key", ["country=DE", "country=__HIVE_DEFAULT_PARTITION__"])
def test_folders_of_a_day_are_columns_and_what_is_hidden_is_not_read(cluster, tmp_path, key):
    row = dict.fromkeys(needed(PLAIN), "1")
    for number, folder in enumerate(("country=FR", key, ".ipynb_checkpoints")):
        write(
            pa.Table.from_pylist([{**row, "request_id": f"{number}"}]),
            tmp_path,
            f"{DAY}.parquet/{folder}/part-0.parquet",
        )
    bins = {"1": {"country": CategoricalBins(("FR", "DE"))}}
    found = spark.profile_day(PLAIN, DAY, root=tmp_path, bins=bins, segments=["country"])
    assert found == served.profile_day(PLAIN, DAY, root=tmp_path, bins=bins, segments=["country"])
    assert found[0].rows == 2


def test_a_cluster_in_trouble_is_no_word_against_the_rows(cluster, tmp_path):
    """What fails in the kernel fails the step, so that it is run again; nothing is stored."""
    from pyspark.errors import PythonException

    class Broken(NumericBins):
        def index(self, values):
            raise MemoryError

    row = dict.fromkeys(needed(PLAIN), "1") | {"x": 1.0}
    write(pa.Table.from_pylist([row]), tmp_path)
    with pytest.raises(PythonException, match="MemoryError"):
        spark.profile_day(
            PLAIN, DAY, root=tmp_path, bins={"1": {"x": Broken(np.array([0.0, 1.0]))}}
        )


def test_without_pyspark_the_way_to_it_is_named(day, monkeypatch):
    """Before anything else is tried."""
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(spark.NoSpark, match=r'pip install "monitoring_dagster\[spark\]"'):
        spark.versions_of(PLAIN, DAY, root=day[0])
