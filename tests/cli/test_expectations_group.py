"""The commands that write suites."""

import json

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.sources.suites.suites import load_suite
from tests.tiny import FakeMlflow, monitor_of, reference_rows, with_mlflow
from tests.world import START, day_after

OLD = {
    "expectation_suite_name": "tiny",
    "expectations": [{"expectation_type": "expect_column_to_exist", "kwargs": {"column": "age"}}],
}


def typed(*words):
    found = CliRunner().invoke(cli.main, ["expectations", *map(str, words)])
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture
def model(on_disk, monkeypatch):
    """A model whose suite stands where defs.yaml says, which is changed by calling it."""
    mlflow = FakeMlflow("1", champion="1")
    mlflow.reference = lambda *_: reference_rows(6, 100)

    def declared(**changed):
        monitor = with_mlflow(monitor_of(on_disk, **changed), mlflow)
        monkeypatch.setattr(here, "monitor", lambda name: monitor)
        return on_disk

    declared()
    return declared


def test_a_draft_is_written_and_said_how_it_came_about(model):
    root = model()
    code, out, err = typed("draft", "tiny")
    path = root / "expectations" / "tiny" / "predictions.json"
    suite = load_suite(path)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:2] == [
        f"{path}: {len(suite.expectations)} expectations about 6 columns",
        "Learnt from 600 rows of version 1's reference, held out on 2 of 6 days",
    ]
    assert lines[-1] == (
        "Add to the model's defs.yaml:  expectations: expectations/tiny/predictions.json"
    )
    assert suite.remarks == ()


def test_where_defs_names_the_suite_nothing_is_to_be_added(model):
    root = model(expectations="suites/./own.json")
    _, out, _ = typed("draft", "tiny")
    assert "defs.yaml" not in out
    assert load_suite(root / "suites" / "own.json").name == "tiny"
    _, out, _ = typed("draft", "tiny", "--output", root / "other.json")
    assert "expectations: other.json" in out


def test_a_reference_without_days_says_so_and_what_is_not_asked_is_told(model):
    root = model(predictions={"path": "served/{day}.parquet", "score": "score", "status": "a\x1b"})
    here.monitor("tiny").registry.reference = lambda *_: reference_rows(1, 300)
    code, out, _ = typed("draft", "tiny", "--output", root / "x.json")
    assert code == 0
    assert "held out on 3 of 10 parts of its rows, which tell fewer than 3 days" in out
    assert "\nNot asked:\n  'prediction': no limit on its missing values: rows whose " in out
    assert "\x1b" not in out


def test_a_reviewed_file_is_never_lost(model):
    path = model() / "mine.json"
    path.write_text("reviewed")
    code, out, err = typed("draft", "tiny", "--output", path)
    assert (code, out) == (2, "")
    assert "is there already: say --force to replace it" in err
    assert path.read_text() == "reviewed"
    assert typed("draft", "tiny", "--output", path, "--force")[0] == 0
    assert load_suite(path).expectations


def test_a_draft_as_json(model):
    path = model() / "x.json"
    code, out, _ = typed("draft", "tiny", "--output", path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found.pop("expectations") == len(load_suite(path).expectations)
    assert found == {
        "file": str(path), "version": "1", "columns": 6, "rows": 600, "days": 6, "held_out": 2,
        "has_days": True, "omitted": [], "add_to_defs": "expectations: x.json",
    }  # fmt: skip


def test_without_a_version_nothing_is_written(model):
    root = model()
    here.monitor("tiny").registry.known.clear()
    code, out, err = typed("draft", "tiny")
    assert (code, out) == (2, "")
    assert "no version of 'tiny' is registered in MLflow" in err
    assert not (root / "expectations").exists()


def test_the_daily_contract_keeps_quiet_about_the_draft(world, command, on_disk):
    """From the registry's own reference to the day's findings; a broken column is found."""
    path = on_disk / "drafted.json"
    code, _, err = command("expectations", "draft", "tiny", "--output", str(path))
    assert (code, err) == (0, "")
    suite = world.root / "suite.json"
    suite.write_bytes(path.read_bytes())
    world.spec_changes = {"expectations": "suite.json"}
    for n in (8, 9):
        day = day_after(START, n)
        log = world.served(day)
        world.write(day, log if n == 8 else log.assign(income=-log["income"]))
        world.monitored(day)
    assert [one.kind for one in world.findings(day_after(START, 8))] == []
    subjects = {one.subject for one in world.findings(day) if one.kind == "schema_breach"}
    assert subjects == {"income"}


def test_a_suite_is_migrated_in_place_once(on_disk):
    path = on_disk / "old.json"
    path.write_text(json.dumps(OLD))
    assert typed("migrate", path) == (0, f"{path}: migrated\n", "")
    new = path.read_bytes()
    assert load_suite(path).remarks == ()
    assert typed("migrate", path) == (
        0, f"{path}: in the format of Great Expectations 1 already\n", "",
    )  # fmt: skip
    assert path.read_bytes() == new


def test_a_dry_run_prints_the_difference_and_writes_nothing(on_disk):
    path = on_disk / "old.json"
    path.write_text(json.dumps(OLD | {"expectation_suite_name": "x\u202e"}, indent=2))
    before = path.read_bytes()
    code, out, _ = typed("migrate", path, "--dry-run")
    assert code == 0
    assert '-      "expectation_type": "expect_column_to_exist",' in out
    assert '+      "type": "expect_column_to_exist",' in out
    assert path.read_bytes() == before


def test_if_one_file_is_refused_none_is_written(on_disk):
    good, bad = on_disk / "good.json", on_disk / "bad.json"
    good.write_text(json.dumps(OLD))
    bad.write_text(json.dumps({"expectations": [{"expectation_type": "expect_x", "kwargs": {}}]}))
    before = good.read_bytes()
    code, out, err = typed("migrate", good, bad)
    assert (code, out) == (2, "")
    assert f"{bad}, expectation 0: unknown type 'expect_x'" in err
    assert good.read_bytes() == before


def test_a_migration_as_json(on_disk):
    old, new = on_disk / "old.json", on_disk / "new.json"
    old.write_text(json.dumps(OLD))
    new.write_text('{"name": "x", "expectations": []}')
    code, out, _ = typed("migrate", old, new, "--json", "--dry-run")
    assert code == 0
    assert json.loads(out) == {
        "migrated": {str(old): True, str(new): False}, "written": False,
    }  # fmt: skip
