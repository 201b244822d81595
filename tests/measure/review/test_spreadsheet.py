"""Rows for a spreadsheet: none of its cells is run, and all of them are there."""

import csv

import pyarrow as pa
import pytest

from monitoring_dagster.measure.review.spreadsheet import write_csv
from monitoring_dagster.store.outputs import NotWritten


@pytest.fixture
def written(tmp_path):
    """What somebody who opens the file sees of a table."""

    def of(columns):
        path = tmp_path / "new" / "rows.csv"
        write_csv(pa.table(columns), path)
        with path.open(newline="") as file:
            return list(csv.reader(file))

    return of


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]
)
def test_a_cell_that_a_spreadsheet_would_run_is_text(written, cell):
    assert written({"plan": [cell]}) == [["plan"], [f"'{cell}"]]


def test_a_name_that_a_spreadsheet_would_run_is_text(written):
    """Columns of the inference log have names that somebody else gave them."""
    assert written({"=1+1": [1], "age": [2]}) == [["'=1+1", "age"], ["1", "2"]]


@pytest.mark.parametrize("cell", ["a=b", "1-2", "", 'say "hi", twice', "two\nlines", "\u00fc"])
def test_any_other_cell_stays_what_it_is(written, cell):
    assert written({"plan": [cell], "age": [1]})[1] == [cell, "1"]


def test_numbers_below_zero_stay_numbers(written):
    assert written({"debt": [-1.5, None], "n": [1, 2]})[1:] == [["-1.5", "1"], ["", "2"]]


def test_codes_of_words_are_words_and_lists_are_text(written):
    words = pa.array(["=1", "b"]).dictionary_encode()
    assert written({"plan": words, "parts": [[1, 2], [3]]}) == [
        ["plan", "parts"], ["'=1", "[1, 2]"], ["b", "[3]"]
    ]  # fmt: skip


def test_no_rows_are_a_header(written):
    assert written({"plan": pa.array([], pa.string())}) == [["plan"]]


def test_what_is_there_stays_where_somebody_says_so(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("mine")
    with pytest.raises(NotWritten, match="is there already"):
        write_csv(pa.table({"a": [1]}), path, force=False)
    assert path.read_text() == "mine"
