"""Each version is held against its own signature: what one lacks is no fault of another."""

import numpy as np
import pytest

from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure import version_contracts
from monitoring_dagster.measure.version_contracts import (
    ServedVersion,
    expected_columns,
    missing_features,
    missing_signals,
    served_versions,
    signature_breaches,
)
from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from tests.tiny import DAY, log_of, monitor_of, put, reference, spec_of

ROLES = ["request_id", "served_at", "model_version", "prediction", "score"]
BINS = NumericBins([0.5])
P1, P3 = Severity.P1, Severity.P3


def signed(version, *features, rows=100, **changed):
    """A version with these features, numbers unless a kind is named: ``age`` or ``plan:words``."""
    kinds = {"": "numeric", "words": "categorical"}
    named = [one.partition(":")[::2] for one in features]
    found = tuple((name, kinds[kind]) for name, kind in named)
    return ServedVersion(reference(version, features=found, **changed), rows)


def said(versions, columns, unreadable=(), **changed):
    """Subject, severity, version and words of each breach of a day with these columns."""
    there = dict.fromkeys([*ROLES, *columns], "DOUBLE")
    found = signature_breaches(spec_of(**changed), versions, there, dict(unreadable))
    return [(one.subject, one.severity, one.version, one.words) for one in found]


V2, V3 = signed("2", "age", "debt", rows=900), signed("3", "age", "income", rows=100)


def test_columns_of_either_version_are_no_breach():
    assert said([V2, V3], ["age", "income", "debt"]) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(["debt", "income"],
                     ("age", P1, "", "feature 'age' of versions 2 and 3 is missing."),
                     id="of both: it is the day's"),
        pytest.param(["age", "debt"],
                     ("income", P1, "3", "feature 'income' of version 3 is missing."),
                     id="of the newer one alone"),
        pytest.param(["age", "income"],
                     ("debt", P1, "2", "feature 'debt' of version 2 is missing."),
                     id="of the older one alone"),
        pytest.param(["age", "income", "debt", "x\x1b"],
                     ("x\x1b", P3, "", "column 'x\\x1b' is new: neither defs.yaml nor"),
                     id="a new one"),
        pytest.param(["income", "age", "debt"], None, id="the order is that of one of them"),
        pytest.param(["income", "debt", "age"],
                     ("column order", P3, "", "signature of version 3, from 'income' on"),
                     id="the order is nobody's"),
    ],
)  # fmt: skip
def test_missing_new_and_reordered_columns_are_findings_of_their_own(columns, expected):
    found = said([V2, V3], columns)
    if expected is None:
        assert found == []
        return
    ((*where, words),) = found
    assert tuple(where) == expected[:3]
    assert expected[3] in words


def test_a_misspelt_feature_is_missing_and_its_misspelling_new():
    missing, new = said([V2], ["age", "dbet"])
    assert missing[3] == "feature 'debt' of version 2 is missing. Did you mean 'dbet'?"
    assert new[0] == "dbet"


def test_a_feature_that_cannot_be_read_is_not_missing_as_well():
    ((subject, _, version, words),) = said([V2, V3], ["age", "debt"], {"income": "stands twice"})
    assert (subject, version, words) == (
        "income", "3", "feature 'income' of version 3 stands twice"
    )  # fmt: skip


def test_columns_about_the_deployment_are_not_new():
    log = {"path": "{day}.parquet", "score": "score", "feature_code": "sha", "libraries": "pip"}
    assert said([V2], ["age", "debt", "sha", "pip"], predictions=log) == []
    assert [one[0] for one in said([V2], ["age", "debt", "sha"])] == ["sha"]


def test_a_day_that_nobody_signed_has_no_breach():
    assert said([], ["anything"]) == []


def kinds_of(*versions, **changed):
    return [
        (one.name, one.what, one.kind) for one in expected_columns(spec_of(**changed), versions)
    ]


def test_a_column_is_expected_as_every_version_knows_it():
    """A feature that only an older version has, too; one of two kinds stands there twice."""
    assert kinds_of(signed("2", "age", "debt"), signed("3", "age:words", "income")) == [
        ("age", "version 2's feature", "numeric"),
        ("age", "version 3's feature", "categorical"),
        ("income", "feature", "numeric"),
        ("debt", "feature", "numeric"),
        ("score", "answer", "numeric"),
        ("prediction", "answer", "categorical"),
    ]


def test_a_segment_that_is_a_feature_is_expected_as_the_feature():
    found = kinds_of(signed("2", "age", "score"), segments=["age", "country"])
    assert [one for one in found if one[0] in ("age", "country", "score")] == [
        ("country", "segment", "categorical"),
        ("age", "feature", "numeric"),
        ("score", "answer", "numeric"),
    ]


def test_the_bins_are_those_of_the_newest_version_that_has_the_feature():
    older, newer = NumericBins([0.1]), NumericBins([0.9])
    versions = [
        signed("2", "age", "debt", bins={"age": older, "debt": older}),
        signed("3", "age", bins={"age": newer}),
    ]
    found = {one.name: one.bins for one in expected_columns(spec_of(), versions)}
    assert (found["age"], found["debt"]) == (newer, older)


def test_versions_that_serve_are_those_that_the_registry_knows(tmp_path, monkeypatch):
    monitor = monitor_of(tmp_path)
    known = {name: reference(name) for name in ("9", "10")}
    monkeypatch.setattr(version_contracts, "reference_of", lambda _, name: known.get(name))
    named = ["10"] * 5 + ["9"] * 4 + ["v1", None, None]
    put(tmp_path, "served", log_of(12, model_version=named))
    assert [(one.name, one.rows) for one in served_versions(monitor, DAY)] == [("9", 4), ("10", 5)]


# What the rows of a version lack.


def column(rows, nulls):
    counts = [rows - nulls, 0]
    return NumericProfile(BINS.digest, counts=np.array(counts),
                          sums=np.zeros(2), nulls=nulls)  # fmt: skip


def seen(version, rows, nulls, name="age"):
    return {Group(version): Profile(rows, {name: column(rows, nulls)})}


def lacking(rows, nulls, *, usually=0, quiet=(), **changed):
    known = {"1": reference("1", **{"features": (("age", "numeric"),)} | changed,
                            profiles=seen("1", 1000, usually))}  # fmt: skip
    found = missing_features(spec_of(), known, seen("1", rows, nulls), quiet=quiet)
    return [(one.name, one.version.name, one.missing) for one in found]


@pytest.mark.parametrize(
    ("rows", "nulls", "more", "is_said"),
    [
        pytest.param(100, 50, {}, True, id="half of the rows"),
        pytest.param(100, 49, {}, False, id="one row less: a matter of drift"),
        pytest.param(100, 100, {}, True, id="all rows"),
        pytest.param(100, 100, {"usually": 1}, False, id="the reference lacks it, too"),
        pytest.param(30, 30, {}, True, id="as few rows as get a verdict"),
        pytest.param(29, 29, {}, False, id="too few rows"),
        pytest.param(100, 100, {"quiet": ["age"]}, False, id="the contract has said it"),
        pytest.param(100, 100, {"features": ()}, False, id="it is no feature"),
    ],
)
def test_a_feature_that_half_of_the_rows_lack_and_the_reference_never_did(
    rows, nulls, more, is_said
):
    assert lacking(rows, nulls, **more) == ([("age", "1", nulls)] if is_said else [])


def test_only_the_version_that_needs_a_column_misses_it():
    """Version 2 leaves the newer feature null in all of its rows."""
    known = {
        "2": reference("2", features=(("debt", "numeric"),), profiles=seen("2", 1000, 0, "debt")),
        "3": reference("3", features=(("age", "numeric"),), profiles=seen("3", 1000, 0)),
    }
    of_two = {"age": column(900, 900), "debt": column(900, 0)}
    now = {Group("2"): Profile(900, of_two), **seen("3", 100, 0)}
    assert missing_features(spec_of(), known, now) == []
    now |= seen("3", 100, 60)
    (one,) = missing_features(spec_of(), known, now)
    (signal,) = missing_signals(DAY, [one], now)
    assert (signal.name, signal.subject, signal.version) == ("version.schema_breach", "age", "3")
    assert signal.reason == (
        "feature 'age' is missing in 60 of 100 rows (60.0%) of version 3, and never was in the"
        " reference"
    )


def test_what_all_versions_lack_is_said_once_and_of_none():
    known = {
        name: reference(name, features=(("age", "numeric"),), profiles=seen(name, 1000, 0))
        for name in ("2", "3")
    }
    now = seen("2", 900, 450) | seen("3", 100, 100)
    (signal,) = missing_signals(DAY, missing_features(spec_of(), known, now), now)
    assert (signal.version, signal.n) == ("", 550)
    assert "450 of 900 rows (50.0%) of version 2 and 100 of 100 rows (100.0%) of" in signal.reason
