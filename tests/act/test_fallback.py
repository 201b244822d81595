"""The fallback switch: in the ledger first, announced once a turn, and shown in MLflow."""

from datetime import UTC, datetime

import pytest

from monitoring_dagster.act.fallback import (
    SwitchedAlready,
    publish_switch,
    switch_fallback,
    words_of,
)
from monitoring_dagster.store.ledger.decided.promotions import Fallback
from monitoring_dagster.store.models.registry import RegistryUnavailable
from tests.tiny import FakeMlflow, monitor_of, told, with_mlflow


@pytest.fixture
def mlflow():
    return FakeMlflow("1", champion="1")


@pytest.fixture
def monitor(tmp_path, mlflow):
    return with_mlflow(monitor_of(tmp_path), mlflow)


def switch(monitor, on, *, reason="", by="ada"):
    return switch_fallback(monitor, on=on, reason=reason, by=by)


def test_a_turn_is_kept_shown_and_said(monitor, mlflow):
    assert switch(monitor, True) == (
        "fallback of tiny is on; rows served so are counted, and not judged"
    )
    assert (monitor.ledger.fallback("tiny").on, mlflow.switch) == (True, True)
    assert switch(monitor, False).startswith("fallback of tiny is off; rows")
    assert (monitor.ledger.fallback("tiny").on, mlflow.switch) == (False, False)


def test_both_turns_are_announced_with_who_and_why(monitor):
    switch(monitor, True, reason="the store is down")
    switch(monitor, False, by="bob")
    assert told(monitor) == [
        ("Fallback switched on by ada",
         "The service answers without the model. Reason: the store is down"),
        ("Fallback switched off by bob",
         "The service answers with the model again. Reason: none given"),
    ]  # fmt: skip


@pytest.mark.parametrize(("on", "other"), [(True, "off"), (False, "on")])
def test_the_same_again_is_refused_with_the_other_way(monitor, on, other):
    switch(monitor, True)
    if not on:
        switch(monitor, False)
    with pytest.raises(SwitchedAlready) as caught:
        switch(monitor, on, by="bob")
    said = str(caught.value)
    assert said.startswith(f"fallback of 'tiny' is {'on' if on else 'off'} since ")
    assert said.endswith(
        f"by ada already. To switch it: monitoring-dagster model fallback tiny {other}"
    )


def test_a_switch_that_nobody_ever_touched_is_off_already(monitor):
    with pytest.raises(SwitchedAlready, match="fallback of 'tiny' is off already"):
        switch(monitor, False)
    assert told(monitor) == []


def test_a_turn_that_did_not_reach_mlflow_is_made_up_for_and_announced_once(monitor, mlflow):
    def away(*_, **__):
        raise RegistryUnavailable

    mlflow.set_fallback = away
    with pytest.raises(RegistryUnavailable):
        switch(monitor, True)
    del mlflow.set_fallback
    assert (monitor.ledger.fallback("tiny").on, mlflow.switch) == (True, False)
    assert "by ada; the channel and MLflow know it now" in switch(monitor, True, by="bob")
    assert mlflow.switch
    with pytest.raises(SwitchedAlready):
        switch(monitor, True)
    assert len(told(monitor)) == 1


@pytest.mark.parametrize(
    ("in_ledger", "in_mlflow", "published"),
    [
        pytest.param(None, False, False, id="nobody ever touched it"),
        pytest.param(None, True, False, id="somebody switched it in MLflow alone"),
        pytest.param(True, True, False, id="both say on"),
        pytest.param(True, False, True, id="MLflow does not know yet"),
        pytest.param(False, True, True, id="MLflow does not know that it is over"),
    ],
)
def test_mlflow_is_told_where_it_says_otherwise(monitor, mlflow, in_ledger, in_mlflow, published):
    mlflow.switch = in_mlflow
    if in_ledger is not None:
        monitor.ledger.set_fallback("tiny", on=in_ledger, by="ada", now=monitor.house.now())
    assert publish_switch(monitor) is published
    assert mlflow.switch is (in_mlflow if in_ledger is None else in_ledger)


def test_a_switch_is_kept_for_a_model_that_nobody_registered(tmp_path):
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow())
    switch(monitor, True)
    assert monitor.ledger.fallback("tiny").on
    assert not publish_switch(monitor)


def test_how_the_switch_stands_in_words():
    at = datetime(2026, 3, 2, 9, 5, 59, tzinfo=UTC)
    assert words_of(None) == ""
    assert words_of(Fallback(True, "ada", at)) == "is on since 2026-03-02 09:05 UTC by ada"
