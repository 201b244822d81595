"""Incidents are handled and silenced by commands that may be repeated."""

import json
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.store.monitor import House
from tests.store.ledger.test_ledger import DAY, NOON, SPEC, claimed, found


@pytest.fixture
def house(tmp_path):
    house = replace(House.at(tmp_path, {}), as_of=NOON)
    house.ledger.record_day(SPEC, DAY, [found("income")], now=NOON)
    return house


@pytest.fixture
def command(house, monkeypatch):
    monkeypatch.setattr(here, "project", lambda: SimpleNamespace(house=house))
    monkeypatch.setenv("USER", "ada")

    def typed(*words):
        found = CliRunner().invoke(cli.main, words)
        return found.exit_code, found.stdout.strip(), found.stderr.strip()

    return typed


@pytest.fixture
def id_(house):
    return house.ledger.incidents()[0].id[:8]


def test_what_is_open_is_listed_and_shown(command, id_):
    line = f"{id_}  P2 credit feature_drift since 2026-01-05"
    assert command("incidents", "list") == (0, line, "")
    code, out, _ = command("incidents", "show", id_)
    assert (code, out.splitlines()[0]) == (0, line)
    assert "first seen: slack:#ml-alerts pending" in out
    assert command("incidents", "list", "--model", "other") == (0, "no open incident", "")


def test_an_acknowledgement_names_who_and_may_be_repeated(command, id_, house):
    code, out, _ = command("incidents", "acknowledge", id_, "--comment", "the feed")
    assert (code, out.endswith("(acknowledged by ada: the feed)")) == (0, True)
    code, out, _ = command("incidents", "acknowledge", id_, "--by", "bob")
    assert (code, out.endswith("(acknowledged by ada: the feed) (nothing new)")) == (0, True)
    assert len(claimed(house.ledger)) == 2, "the first message, and one reply"


def test_an_incident_is_given_to_one_person_after_the_other(command, id_, house):
    words = ["incidents", "assign", id_, " ada ", "--by", "grace", "--comment", "yours"]
    code, out, _ = command(*words)
    assert (code, out.endswith("(assigned to ada by grace: yours)")) == (0, True)
    assert command(*words)[1].endswith("(assigned to ada by grace: yours) (nothing new)")
    code, out, _ = command("incidents", "assign", id_, "bob", "--json")
    found = json.loads(out)
    assert (code, found["changed"], found["assigned_to"]) == (0, True, "bob")
    assert found["handling"] == "assigned to bob by ada"
    assert command("incidents", "list")[1].endswith("(assigned to bob by ada)")
    assert "assigned to ada by grace: yours" in command("incidents", "show", id_)[1]
    assert len(claimed(house.ledger)) == 3, "the first message, and a reply for each"


@pytest.mark.parametrize("name", ["", "  "])
def test_an_incident_is_given_to_nobody_without_a_name(command, id_, name):
    code, out, err = command("incidents", "assign", id_, name)
    assert (code, out, "write who has the incident" in err) == (2, "", True)


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["--for", "90m"], "2026-01-06 13:30"),
        (["--for", "4h"], "2026-01-06 16:00"),
        (["--for", "2d"], "2026-01-08 12:00"),
        (["--for", "1w"], "2026-01-13 12:00"),
        (["--until", "2026-02-01"], "2026-02-01 00:00"),
        (["--until", "2026-02-01T07:30"], "2026-02-01 07:30"),
    ],
)
def test_a_snooze_has_an_end(command, id_, words, end):
    code, out, _ = command("incidents", "snooze", id_, *words, "--json")
    assert code == 0
    assert json.loads(out)["handling"] == f"snoozed until {end} UTC by ada"
    assert json.loads(out)["changed"] is True


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "write either --until"),
        (["--for", "4h", "--until", "2026-02-01"], "write either --until"),
        (["--for", "soon"], "is no duration"),
        (["--for", "h"], "is no duration"),
        (["--for", "99999h"], "is no duration"),
        (["--for", "0h"], "write an end that lies ahead"),
        (["--until", "2026-01-01"], "write an end that lies ahead"),
    ],
)
def test_an_end_must_lie_ahead(command, id_, words, complaint):
    code, out, err = command("incidents", "snooze", id_, *words)
    assert (code, out) == (2, "")
    assert complaint in err


def test_a_review_says_what_rules_did(command, id_):
    command("incidents", "acknowledge", id_)
    code, out, _ = command("incidents", "review", "--quarter", "2026-Q1", "--json")
    (rule,) = json.loads(out)["rules"]
    assert (code, rule["incidents"], rule["proposal"]) == (0, 1, "keep")
    assert command("incidents", "review")[1].splitlines()[0].endswith("a week")
    code, _, err = command("incidents", "review", "--quarter", "soon")
    assert (code, "is no quarter" in err) == (2, True)


def test_what_is_resolved_is_listed_no_more(command, id_):
    code, out, _ = command("incidents", "resolve", id_, "--by", "bob", "--json")
    assert (code, json.loads(out)["closed_on"]) == (0, "2026-01-06")
    assert command("incidents", "list")[1] == "no open incident"
    assert command("incidents", "list", "--all")[1].endswith("closed on 2026-01-06")


@pytest.mark.parametrize("action", ["show", "acknowledge", "assign", "resolve"])
def test_an_id_that_names_none_is_refused(command, action):
    name = ["ada"] if action == "assign" else []
    code, _, err = command("incidents", action, "zzz", *name)
    assert (code, "no incident begins with 'zzz'" in err) == (2, True)


def test_a_silence_is_added_listed_and_ended(command, house):
    code, out, _ = command(
        "silences", "add", "model=credit", "kind=~.*_drift", "--for", "4h", "--comment", "moves"
    )
    line = "1  model=credit kind=~.*_drift  silenced by ada until 2026-01-06 16:00 UTC: moves"
    assert (code, out) == (0, line)
    assert command("silences", "list") == (0, line, "")
    assert "silenced by ada" in command("incidents", "list")[1]
    (listed,) = json.loads(command("silences", "list", "--json")[1])
    assert (listed["number"], listed["by"]) == (1, "ada")
    code, out, _ = command("silences", "expire", "1", "--json")
    assert (code, datetime.fromisoformat(json.loads(out)["ends_at"])) == (0, NOON)
    assert command("silences", "list") == (0, "nothing is silenced", "")
    assert command("silences", "list", "--all")[1].startswith("1  model=credit")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["add", "credit", "--for", "4h", "--comment", "x"], "is no matcher"),
        (["add", "model=credit", "--comment", "x"], "this needs an end"),
        (["add", "model=credit", "--for", "4h"], "--comment"),
        (["expire", "7"], "there is no silence 7"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(command, words, complaint):
    code, _, err = command("silences", *words)
    assert (code, complaint in err) == (2, True)
