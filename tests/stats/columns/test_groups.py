"""Groups of rows are told apart by version, segment and value, and stand in one order."""

from monitoring_dagster.stats.columns.groups import Group


def test_a_version_alone_is_all_of_its_rows():
    assert Group("1") == Group("1", "", "") == ("1", "", "")
    assert Group("1") != Group("1", "country", "")


def test_groups_are_told_apart_by_version_segment_and_value():
    """They are the keys of profiles: "a" of one segment is no "a" of another."""
    every = [
        Group(version, segment, value) for version in "12" for segment in "ab" for value in "ab"
    ]  # fmt: skip
    assert len(dict.fromkeys(every)) == 8


def test_all_of_a_version_comes_before_its_segments():
    assert sorted([Group("1", "a", "b"), Group("1")])[0] == Group("1")
