"""What was found is shown whole to a program, and to a person without harm."""

import io
import json
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from monitoring_dagster.standalone.compare import compare
from monitoring_dagster.standalone.estimate_table import estimate
from monitoring_dagster.standalone.evaluate import evaluate
from monitoring_dagster.standalone.show import (
    Progress,
    console,
    show_comparison,
    show_estimates,
    show_evaluation,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.drift.usual import Usual

HOSTILE = "[red]x[/]\x1b[2J"
N = 200


@pytest.fixture(autouse=True)
def no_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def shown(capsys):
    """What a call prints, and its lines without double blanks."""

    def ask(call, *given):
        call(*given)
        text = capsys.readouterr().out
        return text, [" ".join(line.split()) for line in text.splitlines()]

    return ask


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestConsole:
    def test_in_a_pipe_cuts_nothing(self, shown):
        text, _ = shown(lambda: console().print("x" * 5_000))
        assert text == "x" * 5_000 + "\n"

    @pytest.mark.parametrize(("columns", "width"), [("30", 30), ("wide", 10_000), ("", 10_000)])
    def test_is_as_wide_as_is_wanted(self, monkeypatch, columns, width):
        monkeypatch.setenv("COLUMNS", columns)
        assert console().width == width

    @pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "a file"])
    def test_of_no_terminal_is_uncut(self, monkeypatch, stream):
        monkeypatch.setattr("sys.stdout", stream)
        assert console().width == 10_000

    def test_colours_nothing_by_itself(self, shown):
        text, _ = shown(lambda: console().print("12 'x' http://y"))
        assert text == "12 'x' http://y\n"

    def test_leaves_a_pipe_without_a_reader_to_its_command(self):
        class Gone(io.StringIO):
            def write(self, text):
                raise BrokenPipeError

            def flush(self):
                raise BrokenPipeError

        found = console()
        found.file = Gone()
        with pytest.raises(BrokenPipeError):
            found.print("x")


class TestProgress:
    @pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "a file"])
    def test_is_nothing_where_nobody_looks(self, monkeypatch, stream):
        monkeypatch.setattr("sys.stderr", stream)
        with Progress() as bar:
            bar.advance(3)
            bar.reach(1, 2)
        assert stream is None or stream.getvalue() == ""

    def test_is_seen_on_a_terminal_and_leaves_the_output_alone(self, monkeypatch, capsys):
        terminal = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stderr", terminal)
        with Progress("chunks done") as bar:
            bar.reach(2, 5)
        assert "chunks done" in terminal.getvalue()
        assert "2/5" in terminal.getvalue()
        assert capsys.readouterr().out == ""


AGE = [i % 50 + 0.5 for i in range(N)]
SCORE = [i % 97 / 96 for i in range(N)]
LABEL = [int(i * 61 % 97 / 96 < one) for i, one in enumerate(SCORE)]


class TestComparison:
    def test_is_a_row_a_feature_and_the_verdict(self, shown):
        before = pa.table({"age": AGE, "plan": ["a", "b"] * (N // 2), "at": [date(2026, 1, 1)] * N})
        now = pa.table(
            {"age": [one + 30 for one in AGE], "plan": ["a", "b"] * (N // 2), "new": AGE}
        )
        _, lines = shown(show_comparison, compare(before, now))
        assert "numeric: age" in lines
        assert "categorical: plan" in lines
        assert any(
            line.startswith("ignored: at (points in time (date32[day])), new") for line in lines
        )
        assert "warning: not looked at: 'new' (not in the reference)" in lines
        assert any(line.startswith("age DRIFT ") for line in lines)
        assert any(line.startswith("plan OK 0.0% 0.000 1 ") for line in lines)
        assert lines[-1] == "DRIFT: 1 of 2 drifted; 200 rows against 200 of the reference"

    @pytest.mark.parametrize(
        ("features", "more"), [(20, 0), (21, 1), (25, 5)], ids=["twenty", "one more", "five more"]
    )
    def test_shows_twenty_features_without_drift_and_counts_the_rest(self, shown, features, more):
        table = pa.table({f"x{i}": AGE for i in range(features)})
        text, lines = shown(show_comparison, compare(table, table))
        assert sum(line.startswith("x") for line in lines) == features - more
        assert (f"and {more} more without drift: see --json" in text) is bool(more)

    def test_shows_every_feature_that_drifted(self, shown):
        before = pa.table({f"x{i}": AGE for i in range(25)})
        now = pa.table({f"x{i}": [one + 30 for one in AGE] for i in range(25)})
        text, lines = shown(show_comparison, compare(before, now))
        assert sum(line.startswith("x") for line in lines) == 25
        assert "more without drift" not in text

    def test_counts_what_is_muted(self, shown):
        table = pa.table({"age": AGE, "plan": ["a", "b"] * (N // 2)})
        habit = {Group(""): Usual({"age": 0.9})}
        before = replace(compare(table, table).reference, usual=habit)
        _, lines = shown(show_comparison, compare(before, table))
        assert any(line.startswith("age MUTED ") for line in lines)
        assert lines[-1].startswith("OK: 0 of 2 drifted, 1 muted; ")

    def test_names_the_segment_of_a_feature(self, shown):
        table = pa.table({"age": AGE, "plan": ["a", "b"] * (N // 2)})
        _, lines = shown(show_comparison, compare(table, table, segments=["plan"]))
        assert any(line.startswith("age where plan is a OK") for line in lines)

    def test_takes_no_markup_from_names(self, shown):
        table = pa.table({"[red]x[/]": AGE, "[/]": ["[bold]", "b"] * (N // 2)})
        text, _ = shown(show_comparison, compare(table, table, segments=["[/]"]))
        assert "[red]x[/] where [/] is [bold]" in text


class TestEstimates:
    def tables(self, **columns):
        past = pa.table({"score": SCORE, "label": LABEL} | columns)
        return past, past.drop_columns("label")

    def test_are_below_what_is_known_and_what_is_blind_comes_last(self, shown):
        found = estimate(*self.tables(), chunk_size=150)
        _, lines = shown(show_estimates, found)
        assert lines[0].startswith("binary: label: 'label' (guessed), score: 'score' (guessed)")
        assert "features: none" in lines
        (at,) = [i for i, line in enumerate(lines) if line.startswith("reference 200 ")]
        assert lines[at].endswith("labels")
        assert lines[at + 1].startswith("0 to 149 150 ")
        assert lines[at + 2].startswith("150 to 199 50 ")
        assert lines[-1] == found.notes[0]

    def test_of_days_name_the_day_and_what_has_none(self, shown):
        days = ["2026-01-01"] * 150 + [None] * 50
        found = estimate(*self.tables(time=days), by="day")
        _, lines = shown(show_estimates, found)
        assert any(line.startswith("2026-01-01 150 ") for line in lines)
        assert any(line.startswith("no time 50 ") for line in lines)

    def test_that_cannot_be_made_are_no_numbers(self, shown):
        past, now = self.tables()
        now = now.set_column(0, "score", pa.array([*[None] * 100, *SCORE[100:]]))
        _, lines = shown(show_estimates, estimate(past, now, chunk_size=100))
        assert any(line.startswith("0 to 99 0 - - - ") for line in lines)

    def test_move_no_cursor(self, shown):
        past, now = (one.rename_columns([HOSTILE, *one.column_names[1:]]) for one in self.tables())
        text, _ = shown(show_estimates, estimate(past, now, score=HOSTILE, chunk_size=200))
        assert r"[red]x[/]\x1b[2J" in text
        assert "\x1b" not in text


class TestEvaluation:
    def tables(self, *, label=LABEL, **columns):
        ids = {"id": range(N)}
        return (
            pa.table(ids | {"prediction": [int(one > 0.5) for one in SCORE]} | columns),
            pa.table(ids | {"label": label}),
        )

    def test_says_where_rows_went_and_what_was_taken_for_what(self, shown):
        found = evaluate(*self.tables(score=SCORE))
        _, lines = shown(show_evaluation, found)
        assert "predictions: 200 rows, 200 counted" in lines
        assert "labels: 200 rows, 200 joined" in lines
        assert "note: the task is taken for binary" in lines
        assert any(
            line.startswith("binary, with every label: MATURE, 200 of 200") for line in lines
        )
        accuracy = found.whole.metrics["accuracy"]
        wanted = f"accuracy {accuracy.value:.4f} {accuracy.low:.4f} to {accuracy.high:.4f} 200"
        assert wanted in lines
        assert "reliability" in lines

    def test_without_scores_shows_no_reliability(self, shown):
        _, lines = shown(show_evaluation, evaluate(*self.tables()))
        assert "reliability" not in lines

    def test_of_many_groups_shows_fifty_and_counts_the_rest(self, shown):
        given = self.tables(city=[f"c{i % 51:02}" for i in range(N)])
        _, lines = shown(show_evaluation, evaluate(*given, by="city"))
        assert sum(line.startswith("c") and " of " in line for line in lines) == 50
        assert "and 1 more: see --json" in lines

    def test_folds_a_long_value_and_cuts_no_number(self, shown, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        given = self.tables(city=["x" * 90] * N)
        text, _ = shown(show_evaluation, evaluate(*given, by="city"))
        assert "x" * 40 in text
        assert "x" * 41 not in text
        assert sum(line.count("x" * 5) > 0 for line in text.splitlines()) == 3
        assert "200 of 200" in text

    def test_moves_no_cursor(self, shown):
        given = self.tables(city=[HOSTILE] * N)
        text, _ = shown(show_evaluation, evaluate(*given, by="city"))
        assert r"[red]x[/]\x1b[2J" in text
        assert "\x1b" not in text

    def test_of_nothing_is_said_to_be_nothing(self, shown):
        times = ["2026-03-01"] * N
        served, told = self.tables(time=times)
        told = told.append_column("arrived", pa.array(times))
        found = evaluate(served, told, as_of=date(2026, 1, 1))
        _, lines = shown(show_evaluation, found)
        assert any(
            "as known at the end of 2026-01-01 UTC: PENDING, no predictions" in one for one in lines
        )
        assert "predictions: 200 rows, 200 later" in lines
        json.dumps(found.to_dict(), allow_nan=False)


def test_a_terminal_gets_colours_and_a_file_none(monkeypatch, capsys):
    table = pa.table({"age": AGE})
    found = compare(table, table)
    show_comparison(found)
    assert "\x1b[" not in capsys.readouterr().out
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout", terminal)
    show_comparison(found)
    assert "\x1b[1;32mOK" in terminal.getvalue()
