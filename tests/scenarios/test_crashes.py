"""A process may die between any two lines; the next one ends where the first would have."""

import os
import signal
from pathlib import Path

import pytest

from monitoring_dagster.act import promotion
from monitoring_dagster.act.retraining import challenger
from monitoring_dagster.act.retraining import retrain as retraining
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.judge import verdict
from tests import fork_server

REPOSITORY = Path(__file__).parents[2]


class Killed(BaseException):
    """Nothing in the product may catch it, as nothing catches a signal 9."""


def dying(*_, **__):
    raise Killed


@pytest.fixture(scope="session")
def undisturbed(asking, tmp_path_factory):
    """What is remembered after a retraining during which nothing happened."""
    world = asking.copied_to(tmp_path_factory.mktemp("undisturbed"))
    assert len(world.tick()) == 1
    return world.memory(), world.monitor.registry.champion("tiny")


def test_every_step_run_twice_changes_no_byte_of_results_and_ledger(world):
    before = world.memory()
    for day in world.days():
        for step in steps_of(world.monitor):
            if not step.looks_ahead:
                step.run(world.monitor, day)
    assert world.memory() == before


def test_revising_twice_changes_no_byte_either(world):
    world.revise(world.days())
    before = world.memory()
    world.revise(world.days())
    assert world.memory() == before


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(challenger, "train", id="before training"),
        pytest.param(retraining, "promote", id="registered, not promoted"),
        pytest.param(promotion.Promotion, "__init__", id="promoted in MLflow, not in the ledger"),
        pytest.param(retraining, "_announce_result", id="promoted, not told"),
    ],
)
def test_a_retraining_that_died_is_finished_by_the_next_tick(troubled, undisturbed, module, name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, dying)
        with pytest.raises(Killed):
            troubled.tick()
    assert len(troubled.tick()) == 1
    memory, champion = undisturbed
    assert troubled.memory() == memory
    assert troubled.monitor.registry.champion("tiny") == champion
    assert troubled.monitor.registry.versions("tiny") == ["1", "2"]
    assert troubled.tick() == []


def test_kill_9_in_the_middle_of_a_retraining(troubled, undisturbed):
    assert died(troubled, "monitoring_dagster.act.retraining.retrain", "promote", "world.tick()")
    assert len(troubled.tick()) == 1
    assert troubled.memory() == undisturbed[0]
    assert troubled.monitor.registry.versions("tiny") == ["1", "2"]


def test_kill_9_in_the_middle_of_a_verdict(troubled):
    """The findings are stored, and the ledger has heard nothing of them."""
    wanted = troubled.copied_to(troubled.root / "wanted")
    for one in (wanted, troubled):
        one.write(one.today)
        for step in steps_of(one.monitor):
            if step.name not in ("verdict", "evaluation", "attribution"):
                step.run(one.monitor, one.today)
    verdict.run(wanted.monitor, wanted.today)
    place = "monitoring_dagster.store.ledger.ledger"
    code = "verdict.run(world.monitor, world.today)"
    assert died(troubled, place, "mark_judged", code)  # inside of its transaction
    verdict.run(troubled.monitor, troubled.today)
    assert troubled.memory() == wanted.memory()


def died(world, module, name, code):
    """Run *code* in a process of its own that is killed as it calls *name* of *module*."""
    program = f"""
import os, signal
from datetime import date
from importlib import import_module
from pathlib import Path
from monitoring_dagster.judge import verdict
from tests import fork_server
from tests.world import World
setattr(import_module({module!r}), {name!r}, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
world = World(Path({str(world.root)!r}), today=date.fromisoformat({str(world.today)!r}))
{code}
"""
    ended = fork_server.run(["python", "-c", program], cwd=REPOSITORY, env=os.environ)
    return ended.returncode == -signal.SIGKILL
