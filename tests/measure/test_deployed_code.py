"""What answered is held against what a version was trained for: feature code and libraries."""

import json
from collections import Counter

import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import contract
from monitoring_dagster.measure.step import Tone
from monitoring_dagster.store.days.signals import signals, stored_on
from monitoring_dagster.store.models.registry import RegistryUnavailable
from tests.tiny import (
    DAY,
    FakeMlflow,
    after,
    described,
    log_of,
    monitor_of,
    promoted,
    put,
    served_by,
    with_mlflow,
)
from tests.world import stated

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3
CODE, ROLLBACK, LIBRARY, BREACH = (
    FindingKind.FEATURE_CODE_MISMATCH,
    FindingKind.ROLLBACK_MISMATCH,
    FindingKind.LIBRARY_MISMATCH,
    FindingKind.SCHEMA_BREACH,
)
LOG = {"path": "served/{day}.parquet", "score": "score", "feature_code": "sha", "libraries": "pip"}
OLD, NEW = "a" * 40, "b" * 40


class Registered(FakeMlflow):
    """Versions with a feature code each, and one set of libraries."""

    def __init__(self, **codes):
        super().__init__()
        self.known = {name[1:]: {"feature_code": one} if one else {} for name, one in codes.items()}
        self.libraries = {"numpy": "2.1.0", "scikit-learn": "1.5.0"}

    def describe(self, name, version):
        self._refuse(name, version)
        tags = self.known[version]
        return described(version, tags=tags, library_versions=self.libraries)


@pytest.fixture
def monitor(tmp_path):
    """Versions 2 and 3, each with its own feature code."""
    known = Registered(v2=OLD, v3=NEW)
    return with_mlflow(monitor_of(tmp_path, predictions=LOG), known)


def serve(monitor, day=DAY, rows=200, *, version="2", sha=OLD, pip='{"numpy": "2.1.0"}'):
    """A day's log, a value for all rows or one for each."""
    table = log_of(rows, day, model_version=version, sha=sha, pip=pip)
    put(monitor.root, "served", table.drop_columns(["debt", "country", "label"]), day)
    served_by(monitor, Counter(table["model_version"].to_pylist()), day)
    return contract.run(monitor, day)


def found(monitor, day=DAY):
    return [
        (one.kind, one.subject, one.severity, one.words)
        for one in stated(monitor, day, stored_on(monitor, day))
    ]


def split(rows, first, value, other):
    return [value] * first + [other] * (rows - first)


def test_rows_of_the_code_and_the_libraries_of_training_are_as_agreed(monitor):
    serve(monitor)
    assert found(monitor) == []


@pytest.mark.parametrize(
    ("odd", "severity"),
    [
        pytest.param(200, P1, id="all rows"),
        pytest.param(3, P1, id="more than 1 % of the rows"),
        pytest.param(2, P3, id="1 % of them"),
    ],
)
def test_rows_of_other_feature_code_than_the_versions_tag(monitor, odd, severity):
    report = serve(monitor, sha=split(200, odd, "c" * 40, OLD))
    ((kind, subject, urgency, words),) = found(monitor)
    assert (kind, subject, urgency) == (CODE, "2", severity)
    assert words == (
        f"features of {odd} of 200 rows ({odd / 200:.1%}) of version 2 come from code"
        f" '{'c' * 12}', and it was trained on features of '{'a' * 12}'"
    )
    assert report.checks["schema"].passed is (severity is P3)


def test_a_cut_commit_in_the_log_is_the_same_code(monitor):
    serve(monitor, sha=OLD[:7].upper())
    assert found(monitor) == []


def test_a_value_from_the_log_is_cut_and_escaped(monitor):
    serve(monitor, sha="\x1b[2J<!channel>" + "x" * 99)
    ((_, _, _, words),) = found(monitor)
    assert "code '\\x1b[2J<!channel>xxxxxxxxxxxx" in words
    assert "\x1b" not in words
    assert len(words) < 300


def test_several_other_codes_are_one_finding(monitor):
    serve(monitor, sha=["c"] * 100 + ["d"] * 60 + ["e"] * 40)
    ((_, _, _, words),) = found(monitor)
    assert "200 of 200 rows (100.0%) of version 2 come from code 'c' and 2 more" in words


def test_rows_that_name_no_code_are_said_for_the_next_planning(monitor):
    serve(monitor, sha=split(200, 50, None, OLD))
    ((kind, _, severity, words),) = found(monitor)
    assert (kind, severity) == (CODE, P3)
    assert "50 of 200 rows (25.0%) of version 2 name no feature code" in words


def test_two_versions_are_each_held_against_their_own(monitor):
    """Version 3 is fed by its own code, and so is version 2; then version 2 by that of 3."""
    version = split(200, 20, "2", "3")
    serve(monitor, version=version, sha=split(200, 20, OLD, NEW))
    assert found(monitor) == []
    monitor.ledger.record_promotion(promoted("3", "2"))
    serve(monitor, version=version, sha=NEW)
    ((kind, subject, severity, words),) = found(monitor)
    assert (kind, subject) == (CODE, "2"), "a newer version that serves was not rolled back"
    assert severity is P2, "it answers a tenth of the rows"
    assert words.endswith("version 2 answers 10% of the rows, champion is version 3")


@pytest.mark.parametrize(
    ("moves", "before", "kind"),
    [
        pytest.param([("2", None), ("3", "2"), ("2", "3")], {}, ROLLBACK, id="as the ledger knows"),
        pytest.param([("2", None), ("3", "2")], {}, ROLLBACK, id="the alias was moved since"),
        pytest.param([], {"3": 200}, ROLLBACK, id="the newer one served the day before"),
        pytest.param([], {}, CODE, id="the newer one never served: its features came too early"),
        pytest.param([("2", None)], {}, CODE, id="the newer one was never champion"),
    ],
)
def test_a_rollback_without_its_features_is_the_only_thing_that_is_said(
    monitor, moves, before, kind
):
    for version, previous in moves:
        monitor.ledger.record_promotion(promoted(version, previous, on=after(-1)))
    if before:
        served_by(monitor, before, after(-1))
    report = serve(monitor, sha=NEW)
    ((said, subject, severity, words),) = found(monitor)
    assert (said, subject, severity) == (kind, "2", P1)
    assert report.checks["schema"].tone is Tone.ERROR
    if kind is ROLLBACK:
        assert words.startswith(
            "version 2 serves again in place of version 3, and the features of 200 of 200 rows"
            f" (100.0%) of it still come from version 3's code '{'b' * 12}', not from its own"
            f" '{'a' * 12}': roll the feature pipeline back, too"
        )


def test_a_version_that_follows_with_the_features_of_the_one_before_was_not_rolled_back(monitor):
    for version, previous in (("2", None), ("3", "2")):
        monitor.ledger.record_promotion(promoted(version, previous, on=after(-1)))
    serve(monitor, version="3", sha=OLD)
    assert [one[:3] for one in found(monitor)] == [(CODE, "3", P1)]


def test_an_older_number_may_be_rolled_back_from_where_the_newer_one_served_before(monitor):
    """Version 3 served, then 2 by hand, then 3 again with the features of 2."""
    for version, previous in (("3", None), ("2", "3"), ("3", "2")):
        monitor.ledger.record_promotion(promoted(version, previous, on=after(-1)))
    serve(monitor, version="3", sha=OLD)
    ((kind, _, _, words),) = found(monitor)
    assert kind is ROLLBACK
    assert words.startswith("version 3 serves again in place of version 2")


def test_while_mlflow_is_away_a_rollback_is_a_mismatch(monitor):
    """Of a version that was never looked at nobody knows the code."""
    monitor.ledger.record_promotion(promoted("3", None, on=after(-1)))
    describe = monitor.house.registry.describe

    def away(name, version):
        if version == "3":
            raise RegistryUnavailable
        return describe(name, version)

    monitor.house.registry.describe = away
    serve(monitor, sha=NEW)
    assert [one[:3] for one in found(monitor)] == [(CODE, "2", P1)]


def test_a_version_without_the_tag_is_held_against_none(tmp_path):
    monitor = with_mlflow(monitor_of(tmp_path, predictions=LOG), Registered(v2=None))
    serve(monitor, sha=NEW)
    assert found(monitor) == []


@pytest.mark.parametrize("column", ["sha", "pip"])
def test_a_column_that_defs_yaml_names_and_the_day_lacks_costs_no_row(monitor, column):
    table = log_of(200, model_version="2", sha=OLD, pip="numpy==2.1.0", Sha1=OLD)
    table = table.drop_columns([column, "debt", "country", "label"])
    put(monitor.root, "served", table)
    served_by(monitor, {"2": 200})
    report = contract.run(monitor, DAY)
    (new, (kind, subject, severity, words)) = sorted(found(monitor), key=lambda one: one[1])
    assert new[1] == "Sha1", "nobody named it"
    assert (kind, subject, severity) == (BREACH, column, P2)
    assert words.startswith(f"column '{column}' of {DAY}, which defs.yaml names, is missing.")
    assert report.numbers["rows"] == 200


@pytest.mark.parametrize(
    ("pip", "severity", "words"),
    [
        pytest.param(json.dumps({"numpy": "1.26.4", "scikit-learn": "1.5.0"}), P2,
                     "'numpy' '1.26.4' (trained with '2.1.0')", id="major"),
        pytest.param("scikit-learn==1.4.2,numpy==2.1.0", P2,
                     "'scikit-learn' '1.4.2' (trained with '1.5.0')", id="minor, as requirements"),
        pytest.param('{"scikit_learn": "1.5.2"}', P3,
                     "'scikit-learn' '1.5.2' (trained with '1.5.0')", id="patch"),
        pytest.param('{"torch": "2.0"}', None, "", id="a library that training did not name"),
        pytest.param("{half", None, "", id="no list of libraries"),
        pytest.param(None, None, "", id="nothing"),
    ],
)  # fmt: skip
def test_libraries_that_differ_between_training_and_serving(monitor, pip, severity, words):
    serve(monitor, pip=[pip] * 200)
    if severity is None:
        assert found(monitor) == []
        return
    ((kind, subject, urgency, said),) = found(monitor)
    assert (kind, subject, urgency) == (LIBRARY, "2", severity)
    assert said == (
        "libraries of 200 of 200 rows (100.0%) of version 2 are not those of its training: " + words
    )


def test_a_replica_of_few_rows_is_said_for_the_next_planning(monitor):
    odd = '{"numpy": "1.0"}'
    serve(monitor, pip=split(200, 2, odd, '{"numpy": "2.1"}'))
    assert [one[2] for one in found(monitor)] == [P3]
    serve(monitor, pip=split(200, 3, odd, '{"numpy": "2.1"}'))
    assert [one[2] for one in found(monitor)] == [P2]


def test_libraries_as_a_struct_are_read_as_an_object(monitor):
    serve(monitor, pip=[{"numpy": "1.0", "scipy": None}] * 200)
    ((kind, _, _, words),) = found(monitor)
    assert kind is LIBRARY
    assert "'numpy' '1.0' (trained with '2.1.0')" in words


def test_a_change_of_the_serving_libraries_is_a_signal(monitor):
    serve(monitor, after(-2), pip="numpy==2.1.0")
    serve(monitor, after(-1), pip="numpy==2.1.0")
    serve(monitor, pip="numpy==2.1.1")
    name = "contract.changed_libraries"
    one, other = signals(monitor, name, first=after(-2), last=DAY)
    assert (one.value, one.reason) == (0.0, "")
    assert (other.value, other.reason) == (1.0, f"'numpy' '2.1.1' (on {after(-1)} '2.1.0')")


def test_a_log_without_these_columns_asks_for_nothing(tmp_path):
    """No scan, no note and no call of MLflow more than before."""
    log = {name: one for name, one in LOG.items() if name not in ("feature_code", "libraries")}
    monitor = with_mlflow(monitor_of(tmp_path, predictions=log), Registered(v2=OLD, v3=NEW))
    serve(monitor, sha=NEW, pip="numpy==1.0")
    assert {one[1] for one in found(monitor)} == {"sha", "pip"}, "they are new columns"
    assert "deployments" not in monitor.results.metadata("tiny", "contract", DAY)
