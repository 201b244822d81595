"""The commands about files: what they ask for, how they end, and what they print first."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.standalone import compare, estimate_table, evaluate, show
from monitoring_dagster.store.references import reference


def typed(*words):
    found = CliRunner().invoke(cli.main, words)
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture(autouse=True)
def _untuned(monkeypatch):
    monkeypatch.setattr("gc.set_threshold", lambda *_: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def done(monkeypatch):
    """Let a comparison end so; returns what was done, in order."""
    log = []

    def ends(verdict):
        kept = SimpleNamespace(keep=lambda path, force: log.append(("kept", path.name, force)))
        found = SimpleNamespace(
            verdict=verdict,
            features=[("age", SimpleNamespace(reason="20 rows, below the 100 needed"))],
            reference=kept,
            to_dict=lambda: {"verdict": verdict, "psi": float("nan")},
        )

        def compared(before, after, **given):
            print("noise of a library")
            given.pop("advance", None)
            log.append(("compared", before, after, given))
            return found

        monkeypatch.setattr(compare, "compare", compared)
        monkeypatch.setattr(show, "show_comparison", lambda one: log.append(("shown", one.verdict)))
        return log

    return ends


NOTHING = {"categorical": (), "numeric": (), "ignore": (), "segments": ()}


@pytest.mark.parametrize(
    ("verdict", "code"), [("OK", 0), ("DRIFT", 1), ("INSUFFICIENT", 2), ("MUTED", 2)]
)
def test_a_comparison_is_shown_and_ends_with_its_verdict(done, verdict, code):
    log = done(verdict)
    ended, _, err = typed("drift", "a.csv", "b.csv")
    assert ended == code
    assert log == [("compared", "a.csv", "b.csv", NOTHING), ("shown", verdict)]
    assert ("no column could be judged: 20 rows, below the 100 needed" in err) is (code == 2)


def test_as_json_it_is_one_document(done):
    done("DRIFT")
    code, out, err = typed("drift", "a.csv", "b.csv", "--json")
    assert (code, json.loads(out)) == (1, {"verdict": "DRIFT", "psi": None})
    assert "noise of a library" in err


def test_what_a_column_is_taken_for_may_be_said_of_several(done):
    log = done("OK")
    typed("drift", "a", "b", "--categorical", "x", "--categorical", "y", "--numeric", "n",
          "--ignore", "i", "--segment", "s")  # fmt: skip
    assert log[0][3] == {
        "categorical": ("x", "y"), "numeric": ("n",), "ignore": ("i",), "segments": ("s",)
    }  # fmt: skip


def test_a_profile_is_kept_before_anything_is_shown(done, monkeypatch):
    """Whoever reads may stop reading."""
    log = done("OK")
    monkeypatch.setattr(
        reference, "check_keep", lambda path, **how: log.append(("checked", path.name, how))
    )
    typed("drift", "a", "b", "--keep", "p.profile", "--force")
    assert [one[0] for one in log] == ["checked", "compared", "kept", "shown"]
    assert log[0][2] == {"force": True, "read": ["a", "b"]}
    assert log[2] == ("kept", "p.profile", True)


@pytest.fixture
def given(monkeypatch):
    """What an estimate or an evaluation was asked for."""
    found = {}

    def answer(first, second, **more):
        more.pop("advance", None)
        found.update(files=(first, second), **more)
        return SimpleNamespace(to_dict=lambda: {"x": float("inf")})

    monkeypatch.setattr(estimate_table, "estimate", answer)
    monkeypatch.setattr(evaluate, "evaluate", answer)
    monkeypatch.setattr(show, "show_estimates", lambda _: print("estimates"))
    monkeypatch.setattr(show, "show_evaluation", lambda _: print("evaluation"))
    return found


@pytest.mark.parametrize(
    ("command", "shown"), [("estimate", "estimates"), ("evaluate", "evaluation")]
)
def test_both_are_shown_or_printed_as_json(given, command, shown):
    code, out, _ = typed(command, "a", "b")
    assert (code, out.strip()) == (0, shown)
    code, out, _ = typed(command, "a", "b", "--json")
    assert (code, json.loads(out)) == (0, {"x": None})


def test_an_estimate_is_asked_for_as_it_is_typed(given):
    typed("estimate", "a", "b", "--chunk-size", "500", "--by", "day", "--label", "y",
          "--task", "binary", "--ignore", "i")  # fmt: skip
    assert given["files"] == ("a", "b")
    assert (given["chunk_size"], given["by"], given["label"]) == (500, "day", "y")
    assert (given["task"], given["ignore"], given["score"]) == ("binary", ("i",), None)


def test_an_evaluation_is_asked_for_as_it_is_typed(given):
    typed("evaluate", "a", "b", "--as-of", "2026-03-02", "--id", "key", "--by", "day",
          "--segment", "day", "--value", "tp=5,fp=-1", "--keep", "last")  # fmt: skip
    assert str(given["as_of"]) == "2026-03-02"
    assert given["columns"]["id"] == "key"
    assert set(given["columns"]) == {
        "id", "time", "score", "prediction", "version", "label", "arrived"
    }  # fmt: skip
    assert (given["by"], given["segments"], given["keep"]) == (("day",), ("day",), "last")
    assert (given["mature_after_days"], given["expire_after_days"]) == (14, None)
    assert given["value"].model_dump() == {"tp": 5.0, "fp": -1.0, "fn": 0.0, "tn": 0.0}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["estimate", "a", "b", "--chunk-size", "0"], id="chunks of no rows"),
        pytest.param(["estimate", "a", "b", "--by", "hour"], id="an estimate by hour"),
        pytest.param(["evaluate", "a", "b", "--min-coverage", "0"], id="a coverage of nothing"),
        pytest.param(["evaluate", "a", "b", "--min-coverage", "1.01"], id="more than all"),
        pytest.param(["evaluate", "a", "b", "--mature-after", "366"], id="a wait of over a year"),
        pytest.param(["evaluate", "a", "b", "--quantile", "1"], id="a quantile of all"),
        pytest.param(["evaluate", "a", "b", "--as-of", "today"], id="a day that is none"),
        pytest.param(["evaluate", "a"], id="no labels"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_2(given, words):
    code, out, err = typed(*words)
    assert (code, out, err.count("\n"), given) == (2, "", 1, {})
    assert err.rstrip().endswith("--help")
