import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.quality.change_attribution import Served, decompose

losses = st.floats(0, 100)
versions = st.lists(
    st.builds(Served, st.sampled_from("123"), st.integers(1, 10_000), losses, losses),
    min_size=1,
    max_size=5,
)


@given(served=versions, before=losses)
def test_the_parts_add_up_to_the_change(served, before):
    found = decompose(served, before)
    assert found.version_effect + found.data_effect == pytest.approx(found.change, abs=1e-9)
    assert sum(one.share for one in found.parts) == pytest.approx(1)


def test_one_version_that_keeps_its_promise_changes_nothing():
    found = decompose([Served("1", 10, 0.4, 0.4)], before=0.4)
    assert (found.change, found.version_effect, found.data_effect) == (0, 0, 0)


def test_a_better_version_on_the_same_data_is_the_version_s_merit():
    found = decompose([Served("2", 10, 0.3, 0.3)], before=0.4)
    assert found.version_effect == pytest.approx(-0.1)
    assert found.data_effect == 0


def test_harder_data_under_the_same_version_is_the_data_s_doing():
    found = decompose([Served("1", 10, 0.6, 0.4)], before=0.4)
    assert found.version_effect == 0
    assert found.data_effect == pytest.approx(0.2)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one labelled row"):
        decompose([], before=0.4)
