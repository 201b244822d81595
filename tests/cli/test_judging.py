"""The commands that say by which rules and numbers a model is judged."""

import json

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.decide.signal import Signal
from tests.tiny import DAY, after, keep, monitor_of

OWN = {"sure": {"signal": "prediction.mean", "subject": "score", "above": 0.7}}


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    found = monitor_of(
        tmp_path, rules={"own": OWN, "alerts": {"feature_drift": {"severity": "P3"}}}
    )
    monkeypatch.setattr(here, "monitor", lambda name: found)
    return found


def typed(*words):
    found = CliRunner().invoke(cli.main, ["model", *words])
    return found.exit_code, found.stdout, found.stderr


def stored(monitor, *signals, day=DAY):
    keep(monitor, "profile", day, signals=signals)
    keep(monitor, "verdict", day)


def test_the_rules_in_force_a_line_each_and_the_thresholds_below(monitor):
    code, out, err = typed("rules", "tiny")
    rules, _, thresholds = out.partition("\nThresholds:\n")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in rules.splitlines()}
    assert lines["feature_drift"].split()[1] == "P3", "said by the owner: no brackets"
    assert lines["prediction_drift"].split()[1].startswith("[")
    assert thresholds.startswith("  ")


def test_as_json_one_document(monitor):
    code, out, _ = typed("rules", "tiny", "--json")
    found = json.loads(out)
    assert code == 0
    assert {"feature_drift", "performance_drop"} <= {one["rule"] for one in found}


def test_an_own_rule_whose_signal_was_not_stored_says_so_once_a_day_was_judged(monitor):
    def line():
        rules = typed("rules", "tiny")[1].partition("\n\n")[0]
        (one,) = [one for one in rules.splitlines() if "sure" in one.partition(" ")[0]]
        return one

    stored(monitor, Signal.on(DAY, "prediction.mean", 0.5, subject="score", n=9))
    assert "not judged" not in line()
    stored(monitor, Signal.on(DAY, "volume.rows", 9.0))
    assert "not judged: " in line()


def test_the_signals_of_the_last_judged_day_a_line_each(monitor):
    stored(monitor, Signal.on(DAY, "volume.rows", 9.0))
    last = Signal.on(after(1), "service.error_rate", 0.25, n=8, subject="x\x1b[2J")
    stored(monitor, last, day=after(1))
    code, out, _ = typed("signals", "tiny")
    assert (code, out) == (0, f"{last.words}\n")
    assert "\x1b" not in out
    code, out, _ = typed("signals", "tiny", "--day", str(DAY))
    assert (code, out) == (0, "volume.rows: 9, 0 rows\n")


def test_a_signal_as_json_has_null_for_what_is_unknown(monitor):
    stored(monitor, Signal.on(DAY, "volume.rows", float("nan")))
    (one,) = json.loads(typed("signals", "tiny", "--json")[1])
    assert (one["name"], one["value"], one["low"]) == ("volume.rows", None, None)
    assert one["start"].startswith(str(DAY))


def test_where_nothing_is_stored_the_way_out_is_said(monitor):
    code, out, err = typed("signals", "tiny")
    assert (code, out) == (2, "")
    assert "tiny has no stored day: materialise its assets in Dagster first" in err
    stored(monitor, Signal.on(DAY, "volume.rows", 9.0))
    _, _, err = typed("signals", "tiny", "--day", str(after(1)))
    assert f"tiny has no stored day between {after(1)} and {after(1)}" in err
