"""In the middle of a drift the score contradicts right labels: nobody is sent to look at them."""

import pytest

from monitoring_dagster.views.label_issues import label_issues
from tests.world import day_after


@pytest.fixture(scope="module")
def drifting(founded, tmp_path_factory):
    """The founded world, whose features mean the opposite for ten more days."""
    world = founded.copied_to(tmp_path_factory.mktemp("drifting"))
    world.changes_on = world.today
    world.live(10, acts=False)
    return world


def test_right_labels_of_a_changed_truth_are_not_suspected_and_it_is_said(drifting):
    changed_on = drifting.changes_on
    found = label_issues(drifting.monitor, today=drifting.today)
    days = {one.day for one in found.labels}
    assert max(days) < changed_on
    assert min(found.doubted) >= changed_on
    assert found.unjudged > 0
    judged = found.labelled - found.unjudged
    assert found.error_rate == found.suspected / judged < 0.1
    assert f"no verdict on {found.unjudged:,} labels on" in found.words
    assert "log_loss was" in found.doubted[changed_on]
    assert "too few labels to judge" in found.words


def test_where_every_label_is_left_out_there_is_no_verdict(drifting):
    changed_on = drifting.changes_on
    found = label_issues(drifting.monitor, today=drifting.today, first=changed_on, last=changed_on)
    assert (found.suspected, found.labels, found.accuracy) == (0, (), None)
    assert found.words.startswith(f"no verdict on the {found.labelled:,} labels of {changed_on}")
    assert found.to_dict()["doubted"] == {str(changed_on): found.doubted[changed_on]}


def test_answers_that_drifted_are_no_yardstick_either(world):
    """By what was stored before any label had come."""
    day = world.today
    log = world.served(day)
    world.write(day, log=log.assign(score=log["score"] ** 4))
    world.monitored(day)
    later = day_after(day)
    world.write(later)
    world.monitored(later)
    found = label_issues(world.monitor, today=later, first=day, last=later)
    assert list(found.doubted) == [day]
    assert "drifted" in found.doubted[day]
    assert {one.day for one in found.labels} <= {later}
