"""The replay as a person sees it: bars on stderr while it runs, and a table at its end."""

from datetime import date
from types import SimpleNamespace

import pytest

from monitoring_dagster.act.fallback import switch_fallback
from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.demo.replay_view import Bars, show_summaries
from monitoring_dagster.demo.summary import Summary
from tests.tiny import FakeMlflow, monitor_of, with_mlflow

SUMMARY = Summary(
    "flight_delay", date(2026, 1, 1), date(2026, 3, 1), 60, 12_345, 9_876, 8, 7, 6, 5, "3",
    "brier", {"1": 0.25, "3": 0.1234},
)  # fmt: skip


@pytest.fixture
def shown(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow("1", champion="1"))

    def of(*summaries, messages=0):
        for number in range(messages):
            switch_fallback(monitor, on=number % 2 == 0, reason="[bold]down", by="ada")
        send(monitor.house, environment={})
        show_summaries(SimpleNamespace(house=monitor.house), summaries)
        return capsys.readouterr().out

    return of


def test_the_table_says_what_happened_and_how_well_who_serves_does(shown):
    out = shown(SUMMARY)
    for words in (
        "flight_delay", "60 (2026-01-01 to 2026-03-01)", "12,345", "9,876", "6, 5 promoted",
        "version 3", "v1: brier 0.250; v3: brier 0.123",
    ):  # fmt: skip
        assert words in out


def test_the_last_three_messages_and_where_all_of_them_lie(shown, tmp_path):
    out = shown(SUMMARY, messages=4)
    assert out.count("Fallback switched") == 3
    assert "[bold]down" in out, "words from data are text"
    assert f"All messages: {tmp_path}/.monitoring/outbox/index.html" in out
    assert out.rstrip().endswith("Next: make ui, then open http://127.0.0.1:3000")


def test_bars_say_nothing_on_stdout_and_nothing_at_all_when_quiet(capsys):
    for quiet in (False, True):
        with Bars(quiet=quiet) as bars:
            bars.begin("serving", 7)
            bars.advance(7, "retrained")
        out, err = capsys.readouterr()
        assert out == ""
        assert ("serving" in err) is not quiet
