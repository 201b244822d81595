"""Worlds that have lived: built once, looked at by many tests."""

import pytest

from tests.once import once
from tests.world import day_after


@pytest.fixture(scope="session")
def story(founded, tmp_path_factory):
    """Thirty healthy days, then everything means the opposite, and thirteen more days."""

    def live(root):
        world = founded.copied_to(root)
        world.live(22)
        world.changes_on = world.today
        retrained = world.live(13)
        world.revise(world.days()[-14:])
        return world, retrained

    world, world.retrained = once(tmp_path_factory, "story", live)
    return world


@pytest.fixture
def troubled(asking, tmp_path):
    """A copy of the world in which a retraining is due."""
    world = asking.copied_to(tmp_path)
    world.due = day_after(world.today, -1)
    return world
