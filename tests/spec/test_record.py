"""A slip in a file is told with its place, what is wanted, and no value that may be a secret."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.record import (
    Day,
    Identifier,
    Misplaced,
    Named,
    Owner,
    Public,
    Record,
    Reference,
    shown,
)
from tests.spec.written import changed, told


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        pytest.param("ownr", "me", "ownr", "mean 'owner'", id="at the top"),
        pytest.param("predictions.scor", "p", "predictions.scor", "mean 'score'",
                     id="beside a right one"),
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
        pytest.param("labels.mature_after_days", 1.5, "labels.mature_after_days",
                     "a whole number is wanted", id="a day and a half"),
        pytest.param("labels.min_coverage", "80%", "labels.min_coverage", "without a unit",
                     id="per cent"),
        pytest.param("labels.min_coverage", 80, "labels.min_coverage", "less than or equal to 1",
                     id="per cent as a number"),
        pytest.param("labels.min_coverage", float("nan"), "labels.min_coverage", "finite",
                     id="not a number"),
        pytest.param("multivariate_drift", "yes", "multivariate_drift", "true or false is wanted",
                     id="yes in quotes"),
        pytest.param("multivariate_drift", date(2026, 3, 1), "multivariate_drift",
                     "YAML reads something else", id="a day for yes"),
        pytest.param("critical", True, "critical", "has moved: write multivariate_drift",
                     id="a key of another name"),
        pytest.param("rules", None, "rules", "nothing is written here", id="a key left empty"),
        pytest.param("rules.performance", {"brier": 0.05}, "rules.performance.brier",
                     "its keys: relative, absolute", id="a number for a tolerance"),
        pytest.param("rules.segments", {"country": {False: {}}}, "rules.segments.country.0",
                     "write it in quotes", id="Norway"),
        pytest.param("engine", "dask", "engine", "'duckdb' or 'spark'", id="a word of no choice"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_told_by_its_form(key, value, place, words):
    ((found, message),) = told(key, value)
    assert found == place
    assert words in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("description", "see hooks.slack.com/canary", "a secret", id="a webhook"),
        pytest.param("description", "xapp-1-canary", "a secret", id="a token"),
        pytest.param("ownr", "canary", "no key 'ownr'", id="under a misspelt key"),
        pytest.param("labels.keep", "canary", "'first' or 'last'", id="a word of no choice"),
        pytest.param("labels.min_coverage", "canary", "text", id="text for a number"),
        pytest.param("channels", ["canary"], "a mapping", id="a list for a mapping"),
    ],
)
def test_a_value_is_not_repeated_to_whoever_reads_the_log(key, value, words):
    with pytest.raises(ValidationError) as raised:
        ModelSpec.model_validate(changed(key, value))
    assert words in str(raised.value)
    assert "canary" not in str(raised.value)


class Wheel(Record):
    """A record of no model: what holds for all of them."""

    _moved: ClassVar[Mapping[str, str]] = MappingProxyType({"rubber": "tyre.material"})

    size: int = Field(default=28, ge=1)
    spokes: list[int] = Field(default_factory=list)

    def _check(self) -> None:
        if len(self.spokes) > self.size:
            message = "more spokes than fit"
            raise Misplaced(message, "spokes", self.size)


class Bicycle(Record):
    front: Wheel = Wheel()
    name: str = "bicycle"


def mistakes(written: object) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as raised:
        Bicycle.model_validate(written)
    return [(one["loc"], one["msg"]) for one in raised.value.errors()]


def test_what_is_not_written_has_its_default():
    assert Bicycle.model_validate({}) == Bicycle(front=Wheel(size=28, spokes=[]), name="bicycle")


def test_a_record_cannot_be_changed_afterwards():
    with pytest.raises(ValidationError, match="frozen"):
        Bicycle().name = "tandem"


def test_a_mistake_of_several_keys_stands_at_the_key_that_it_names():
    ((place, message),) = mistakes({"front": {"size": 1, "spokes": [1, 2]}})
    assert place == ("front", "spokes", 1)
    assert "more spokes than fit" in message


def test_every_mistake_is_told_at_once():
    found = mistakes({"front": {"size": 0, "spoke": []}, "nam": "x", "name": 5})
    assert {place for place, _ in found} == {
        ("front", "size"), ("front", "spoke"), ("nam",), ("name",),
    }  # fmt: skip


def test_a_former_key_is_told_where_it_went():
    ((place, message),) = mistakes({"front": {"rubber": 1}})
    assert place == ("front", "rubber")
    assert "the key 'rubber' has moved: write tyre.material" in message


@pytest.mark.parametrize("written", ["bicycle", 5, ["front"], None])
def test_what_is_no_mapping_is_told_which_keys_there_are(written):
    ((place, message),) = mistakes(written)
    assert place == ()
    assert "its keys: front, name" in message


def test_a_mistake_in_a_misspelt_key_is_repeated_without_what_a_terminal_obeys():
    ((_, message),) = mistakes({"\x1b[2J\u202ename": 1})
    assert message.isprintable()


def test_what_lies_in_several_keys_is_an_error_of_ours():
    mistake = Misplaced("no", "rules", "own", 3)
    assert isinstance(mistake, MonitoringError)
    assert (str(mistake), mistake.place) == ("no", ("rules", "own", 3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("income", "'income'", id="plain"),
        pytest.param("", "''", id="nothing"),
        pytest.param(80 * "x", f"'{80 * 'x'}'", id="just short enough"),
        pytest.param(81 * "x", f"'{79 * 'x'}…'", id="one character too long"),
        pytest.param("ann:secret@host", "'***@host'", id="a password"),
        pytest.param("https://ann:secret@host/x@y", "'https://***@host/***@y'", id="in a URL"),
        pytest.param("a\x1b[2Jb\u202ec", "'a\\x1b[2Jb\\u202ec'", id="what a terminal obeys"),
    ],
)
def test_an_error_repeats_text_in_quotes_cut_and_without_a_password(text, expected):
    assert shown(text) == expected


@given(st.text() | st.text("@\x00\u202e\ud800😀/", max_size=200))
def test_whatever_is_repeated_can_be_printed(text):
    repeated = shown(text)
    assert repeated.isprintable()
    assert repeated[0] == repeated[-1] == "'"


KINDS = {
    "identifier": Identifier, "owner": Owner, "name": Named, "reference": Reference,
    "public": Public,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "is_one"),
    [
        pytest.param("identifier", "churn_2", True, id="letters, digits and _"),
        pytest.param("identifier", "_", True, id="a line alone"),
        pytest.param("identifier", 63 * "a", True, id="as long as may be"),
        pytest.param("identifier", 64 * "a", False, id="one too long"),
        pytest.param("identifier", "", False, id="no identifier"),
        pytest.param("identifier", "2churn", False, id="a digit first"),
        pytest.param("identifier", "my-model", False, id="a dash"),
        pytest.param("identifier", "../x", False, id="a path"),
        pytest.param("identifier", "über", False, id="a letter of no English word"),
        pytest.param("identifier", "churn\n", False, id="a line break behind it"),
        pytest.param("owner", "team:growth", True, id="a team"),
        pytest.param("owner", "ann@example.org", True, id="an address"),
        pytest.param("owner", "team:", False, id="a team without a name"),
        pytest.param("owner", "me", False, id="somebody"),
        pytest.param("owner", "ann@example", False, id="an address of no domain"),
        pytest.param("owner", "ann@example.org, bob@example.org", False, id="two addresses"),
        pytest.param("owner", "team:growth\n", False, id="a line break behind a team"),
        pytest.param("name", "any column, with blanks", True, id="any column"),
        pytest.param("name", "", False, id="no name"),
        pytest.param("name", " \t", False, id="a blank name"),
        pytest.param("reference", "assets.churn.train:train", True, id="a function"),
        pytest.param("reference", "train:train", True, id="a function of a file at the top"),
        pytest.param("reference", "assets.churn.train.train", False, id="no colon"),
        pytest.param("reference", "assets..train:train", False, id="a dot too many"),
        pytest.param("reference", "a:b:c", False, id="a colon too many"),
        pytest.param("reference", "a:1b", False, id="a function that begins with a digit"),
        pytest.param("public", "what it is for", True, id="words for all"),
        pytest.param("public", "https://hooks.slack.com/services/T1", False, id="a webhook"),
        pytest.param("public", "xoxb-1", False, id="a token"),
    ],
)
def test_which_texts_a_key_takes(kind, text, is_one):
    adapter = TypeAdapter(KINDS[kind])
    if is_one:
        assert adapter.validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


@pytest.mark.parametrize(
    ("trainer", "way"),
    [
        pytest.param("assets/churn/train.py:train", "assets.churn.train:train", id="a file"),
        pytest.param("/train.py:train", "train:train", id="a file at the top"),
    ],
)
def test_a_file_where_a_module_is_wanted_is_answered_with_its_module(trainer, way):
    ((place, message),) = told("retraining.trainer", trainer)
    assert place == "retraining.trainer"
    assert f"Did you mean '{way}'?" in message


@pytest.mark.parametrize(
    "written", [date(2024, 2, 29), "2024-02-29"], ids=["as YAML reads it", "in quotes"]
)
def test_a_day_is_a_date_or_its_text(written):
    assert TypeAdapter(Day).validate_python(written) == date(2024, 2, 29)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("2026-02-30", id="no such day"),
        pytest.param("2026-02-29", id="of no leap year"),
        pytest.param("01.03.2026", id="another format"),
        pytest.param("2026-3-1", id="one digit"),
        pytest.param("20260301", id="without dashes"),
        pytest.param("2026-03-01T00:00:00", id="with a time"),
        pytest.param("2026-03-01 ", id="a blank behind it"),
        pytest.param(20260301, id="a number"),
        pytest.param(datetime(2026, 3, 1), id="a moment"),  # noqa: DTZ001
        pytest.param(None, id="nothing"),
        pytest.param(True, id="yes"),
    ],
)
def test_what_is_no_day_is_answered_with_one(written):
    with pytest.raises(ValidationError, match=r"this is no day: write .* such as 2026-03-01"):
        TypeAdapter(Day).validate_python(written)
