"""Worlds that have lived: built once, looked at by many tests."""

import pytest

from tests.once import world_once
from tests.world import day_after


@pytest.fixture(scope="session")
def story(founded, tmp_path_factory):
    """Thirty healthy days, then everything means the opposite, and thirteen more days."""
    world = founded.copied_to(tmp_path_factory.mktemp("story"))
    world.live(22)
    world.changes_on = world.today
    world.retrained = world.live(13)
    world.revise(world.days()[-14:])
    return world


@pytest.fixture(scope="session")
def asking(founded, tmp_path_factory):
    """A world in which a retraining is due, and no sensor has ticked yet."""

    def ask(root):
        world = founded.copied_to(root)
        world.changes_on = world.today
        world.live(7, acts=False)
        return world

    return world_once(tmp_path_factory, "asking", ask)


@pytest.fixture
def troubled(asking, tmp_path):
    """A copy of the world in which a retraining is due."""
    world = asking.copied_to(tmp_path)
    world.due = day_after(world.today, -1)
    return world
