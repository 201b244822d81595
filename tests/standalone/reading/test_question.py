"""Columns play the parts that they are given, or whose names they plainly have."""

import pytest

from monitoring_dagster.standalone.reading.question import UnclearRole, roles


def test_what_is_given_goes_before_what_is_plain_whatever_its_case():
    names = ["Label", "y_true", "SCORE"]
    found = roles(names, {"label": "y_true"}, wanted=["score"], table="t")
    assert found.words == "label: 'y_true', score: 'SCORE' (guessed)"


def test_a_role_that_is_only_wanted_may_be_missing():
    assert roles(["a"], {}, wanted=["score"], table="t").get("score") is None
    with pytest.raises(UnclearRole, match="plainly the score"):
        roles(["a"], {}, wanted=[], needed=["score"], table="t")


def test_rows_may_be_split_by_any_column():
    found = roles(["label"], {"segment": "label"}, wanted=["label"], table="t")
    assert found.columns == {"label": "label", "segment": "label"}
