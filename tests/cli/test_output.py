"""Stdout is one JSON document, or lines for people, and nothing from anybody else."""

import json
from dataclasses import dataclass
from datetime import date

import pytest

from monitoring_dagster.cli.output import print_json, reserved

inf, nan = float("inf"), float("nan")


@dataclass
class Thing:
    def __str__(self):
        return "a thing"


@pytest.mark.parametrize(
    ("document", "found"),
    [
        pytest.param({"a": 1.5, "b": [1, "x", None, True]}, {"a": 1.5, "b": [1, "x", None, True]},
                     id="what JSON has"),
        pytest.param({"a": nan, "b": [inf, -inf]}, {"a": None, "b": [None, None]},
                     id="what is no number is null"),
        pytest.param((1, (nan,)), [1, [None]], id="tuples are lists"),
        pytest.param({"day": date(2026, 3, 2), "x": Thing()}, {"day": "2026-03-02", "x": "a thing"},
                     id="what JSON lacks is text"),
        pytest.param([], [], id="nothing"),
        pytest.param({"a": "\u2028 \x1b[31m \ud83d\ude00"}, {"a": "\u2028 \x1b[31m \U0001f600"},
                     id="any letter"),
    ],
)  # fmt: skip
def test_a_document_is_one_line_of_valid_json(capsys, document, found):
    print_json(document)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert json.loads(out, parse_constant=lambda word: pytest.fail(word)) == found


def test_what_others_print_while_we_work_goes_to_stderr(capsys):
    with reserved():
        print("loading the model")
    print("ours")
    assert capsys.readouterr() == ("ours\n", "loading the model\n")


def test_stdout_is_back_after_an_error(capsys):
    def fail():
        with reserved():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    print("ours")
    assert capsys.readouterr().out == "ours\n"
