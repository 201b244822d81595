"""Which files a step has read of a day, and with which the verdict was reached."""

import pytest

from monitoring_dagster.store.days.seen_files import (
    FILES,
    keep,
    kept,
    read_by_steps,
    seen_by,
    seen_on,
    sources_of,
)
from tests.tiny import DAY, after, monitor_of


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path, further_labels={"human": {"path": "human/{day}.parquet"}})


def lay(monitor, folder, content=b"rows"):
    path = monitor.root / folder / f"{DAY}.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def seen(monitor, name="predictions"):
    return seen_on(monitor, sources_of(monitor)[name], DAY)


def test_what_others_write_has_a_name_each(monitor, tmp_path):
    assert list(sources_of(monitor)) == ["predictions", "labels", "labels_human"]
    assert list(sources_of(monitor_of(tmp_path, labels=None))) == ["predictions"]


def test_a_file_that_came_or_changed_is_another_one(monitor):
    missing = seen(monitor)
    lay(monitor, "served")
    first = seen(monitor)
    assert seen(monitor) == first != missing
    lay(monitor, "served", b"more rows")
    assert seen(monitor) != first


def test_what_a_step_has_read_comes_back(monitor):
    lay(monitor, "served")
    keep(monitor, "contract", DAY, seen(monitor))
    assert kept(monitor, "contract", DAY)[f"{DAY}.parquet"][0] == len(b"rows")
    assert kept(monitor, "contract", after(1)) is None
    assert kept(monitor, "outcomes", DAY) is None


def test_it_lies_beside_the_results_and_is_none_of_them(monitor):
    keep(monitor, "contract", DAY, "{}")
    assert monitor.results.stamp("tiny", "contract", DAY) is None
    assert seen_by(monitor).metadata("tiny", "contract", DAY)[FILES] == "{}"


def test_a_verdict_is_reached_with_what_its_steps_have_read(monitor):
    lay(monitor, "served")
    lay(monitor, "human")
    keep(monitor, "contract", DAY, seen(monitor))
    keep(monitor, "outcomes_human", DAY, seen(monitor, "labels_human"))
    lay(monitor, "served", b"came after the contract")
    keep(monitor, "verdict", DAY, read_by_steps(monitor, DAY))
    assert kept(monitor, "verdict", DAY) == {
        "predictions": kept(monitor, "contract", DAY),
        "labels_human": kept(monitor, "outcomes_human", DAY),
    }


def test_a_fingerprint_that_rotted_is_none_and_stops_nobody(monitor):
    keep(monitor, "contract", DAY, "{}")
    path = seen_by(monitor).root / "tiny" / "contract" / f"{DAY}.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert kept(monitor, "contract", DAY) is None
    keep(monitor, "verdict", DAY, read_by_steps(monitor, DAY))
    assert kept(monitor, "verdict", DAY) == {}
