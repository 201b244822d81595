"""Which version serves: forward, back, and in step with what MLflow says."""

import json

import pytest

from monitoring_dagster.act import promotion
from monitoring_dagster.act.promotion import (
    NothingToRollBack,
    OtherFeatureCode,
    ServesAlready,
    adopt_champion,
    predecessor,
    promote,
    promote_by_hand,
    roll_back,
)
from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.store.days.usable_rows import CONTRACT, noted_deployments
from monitoring_dagster.store.ledger.decided.promotions import PairedResult, PromotedMeanwhile
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.models.registry import UnknownReference, UnknownVersion
from tests.tiny import DAY, FakeMlflow, after, keep, monitor_of, noon, promoted, told, with_mlflow


@pytest.fixture
def mlflow():
    return FakeMlflow("1", "2", "3", champion="1")


@pytest.fixture
def monitor(tmp_path, mlflow):
    """Version 1 serves, as is written down."""
    found = with_mlflow(monitor_of(tmp_path), mlflow)
    found.ledger.record_promotion(promoted("1"))
    return found


def forward(monitor, version, reason="a try"):
    return promote_by_hand(monitor, version, reason=reason, by="ada")


def back(monitor, reason="it shouts"):
    return roll_back(monitor, reason=reason, by="bob")


def last(monitor):
    one = monitor.ledger.promotions("tiny")[-1]
    return one.version, one.previous, one.by, one.reason


def test_a_version_serves_and_another_again(monitor, mlflow):
    assert forward(monitor, "2", "looked at it") == "version 2 of tiny serves from now on"
    assert (mlflow.alias, last(monitor)) == ("2", ("2", "1", "ada", "looked at it"))
    assert back(monitor) == "version 1 serves again in place of version 2: it shouts"
    assert (mlflow.alias, last(monitor)) == ("1", ("1", "2", "bob", "it shouts"))


def test_each_change_is_announced_once_with_who_and_why(monitor, mlflow):
    forward(monitor, "2", "looked at it")
    back(monitor)
    mlflow.alias = "3"  # in MLflow's own UI
    for _ in range(2):
        adopt_champion(monitor, at=monitor.house.now())
    assert told(monitor) == [
        ("v2 promoted by ada", "Champion is v2 in place of v1. Reason: looked at it"),
        ("Rolled back to v1 by bob", "Champion is v1 in place of v2. Reason: it shouts"),
        ("v3 promoted in MLflow",
         "Champion is v3 in place of v1. Reason: the alias champion was moved in MLflow"),
    ]  # fmt: skip


def test_the_first_champion_is_no_change(tmp_path, mlflow):
    monitor = with_mlflow(monitor_of(tmp_path), mlflow)
    adopt_champion(monitor, at=noon())
    assert last(monitor)[:3] == ("1", None, "MLflow")
    assert told(monitor) == []


def test_a_model_without_a_champion_has_none_to_adopt(tmp_path):
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow("1"))
    adopt_champion(monitor, at=noon())
    assert monitor.ledger.promotions("tiny") == []


def test_the_version_that_serves_is_refused_with_the_others(monitor, mlflow):
    with pytest.raises(ServesAlready) as caught:
        forward(monitor, "1")
    assert str(caught.value) == (
        "version 1 of 'tiny' is the champion already: promote another one of 2, 3"
    )
    mlflow.known = {"1": {}}
    with pytest.raises(ServesAlready, match="is the champion already: it has no other"):
        forward(monitor, "1")


def test_what_nobody_registered_or_what_has_no_reference_moves_nothing(monitor, mlflow):
    with pytest.raises(UnknownVersion, match=r"no version 'v2'\. Did you mean '2'"):
        forward(monitor, "v2")

    def bare(name, version):
        raise UnknownReference.of(name, version)

    mlflow.reference = bare
    with pytest.raises(UnknownReference):
        forward(monitor, "2")
    assert (mlflow.alias, len(monitor.ledger.promotions("tiny")), told(monitor)) == ("1", 1, [])


@pytest.mark.parametrize(
    ("moves", "line"),
    [
        pytest.param("2", ["1"], id="once"),
        pytest.param("23", ["2", "1"], id="twice"),
        pytest.param("231", ["3", "2", "1"], id="an old one promoted again"),
        pytest.param("23<3", ["2", "1"], id="promoted again after going back"),
        pytest.param("232", ["1"], id="promoting the one before is going back"),
    ],
)
def test_rolling_back_follows_the_line_of_champions(monitor, mlflow, moves, line):
    for move in moves:
        back(monitor) if move == "<" else forward(monitor, move)
    found = []
    while (before := predecessor(monitor)) is not None:
        back(monitor)
        assert mlflow.alias == before
        found.append(before)
    assert found == line
    with pytest.raises(NothingToRollBack, match="no version of 'tiny' served before the present"):
        back(monitor)


def test_a_version_that_was_deleted_is_not_brought_back_and_the_one_before_is_named(
    monitor, mlflow
):
    for version in "23":
        forward(monitor, version)
    del mlflow.known["2"]
    with pytest.raises(NothingToRollBack) as caught:
        back(monitor)
    assert str(caught.value) == (
        "version 2 of 'tiny', which served before the present one, is no longer registered in"
        ' MLflow: monitoring-dagster model promote tiny 1 --reason "WHY" brings back the version'
        " before it"
    )
    del mlflow.known["1"]
    with pytest.raises(NothingToRollBack, match="model retrain tiny, or promote another one"):
        back(monitor)
    assert mlflow.alias == "3"


@pytest.mark.parametrize("way", ["back", "forward"])
def test_a_champion_that_was_deleted_is_replaced_all_the_same(monitor, mlflow, way):
    forward(monitor, "2")
    del mlflow.known["2"]
    back(monitor) if way == "back" else forward(monitor, "1")
    assert (mlflow.alias, last(monitor)[:2]) == ("1", ("1", "2"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("died_at", ["announce", "record"])
def test_a_promotion_that_died_is_written_down_and_announced_once(
    monitor, mlflow, monkeypatch, died_at
):
    def dying(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        if died_at == "announce":
            patch.setattr(promotion, "announce", dying)
        else:
            patch.setattr(Ledger, "record_promotion", dying)
        with pytest.raises(Killed):
            forward(monitor, "2")
    assert mlflow.alias == "2"
    for _ in range(2):
        adopt_champion(monitor, at=monitor.house.now())
    assert last(monitor)[:2] == ("2", "1")
    assert len(told(monitor)) == 1


def gate(monitor, version, previous):
    promote(monitor, version, previous=previous, reason="better", by="gate", at=noon())


def test_a_challenger_is_promoted_over_the_champion_it_was_compared_with(monitor, mlflow):
    gate(monitor, "2", "1")
    assert (mlflow.alias, last(monitor)) == ("2", ("2", "1", "gate", "better"))
    gate(monitor, "2", "1")  # once more, after a crash
    assert len(monitor.ledger.promotions("tiny")) == 2
    assert told(monitor) == [], "whoever compared them says so"


@pytest.mark.parametrize(
    ("compared_with", "kept"),
    [
        pytest.param("1", True, id="with the champion that it replaces"),
        pytest.param("3", False, id="with another one, which says nothing of this change"),
    ],
)
def test_what_the_gate_had_found_is_kept_when_a_person_promotes(
    monitor, mlflow, compared_with, kept
):
    paired = PairedResult("log_loss", compared_with, 0.02, 0.01, 0.03, 1500)
    mlflow.known["2"] = {"paired": json.dumps(paired.as_dict())}
    forward(monitor, "2")
    back(monitor)
    of_forward, of_back = (one.paired for one in monitor.ledger.promotions("tiny")[1:])
    assert of_forward == (paired if kept else None)
    assert of_back is None


def test_a_promotion_that_somebody_overtook_changes_nothing(monitor, mlflow):
    mlflow.alias = "3"
    with pytest.raises(PromotedMeanwhile, match="tiny is at version 3, not 1 any more"):
        gate(monitor, "2", "1")
    assert (mlflow.alias, len(monitor.ledger.promotions("tiny"))) == ("3", 1)


def logged(monitor, *codes, day=DAY):
    """A judged day whose rows name these feature codes, nine rows each."""
    found = [Deployment("2", code, None, 9) for code in codes]
    keep(monitor, CONTRACT, day, **noted_deployments(found))
    keep(monitor, "verdict", day)


@pytest.mark.parametrize(
    ("own", "codes", "refused"),
    [
        pytest.param("a1b2c3d4", ["ffff"], True, id="the newer version's features are served"),
        pytest.param("a1b2c3d4", ["a1b2c3d4"], False, id="its own are"),
        pytest.param("a1b2c3d4e5", ["a1b2c3d4"], False, id="its own, as a commit that is cut"),
        pytest.param(None, ["ffff"], False, id="nobody knows its own"),
        pytest.param("a1b2c3d4", [None], False, id="nobody knows which are served"),
        pytest.param("a1b2c3d4", [], False, id="the log has no such column"),
    ],
)
def test_rolling_back_without_its_features_is_refused(monitor, mlflow, own, codes, refused):
    """By the newest judged day: the day before was answered from its own."""
    forward(monitor, "2")
    told(monitor)
    mlflow.known["1"] = {"feature_code": own} if own else {}
    logged(monitor, "a1b2c3d4", day=after(-1))
    logged(monitor, *codes)
    if not refused:
        back(monitor)
        return
    with pytest.raises(OtherFeatureCode) as caught:
        back(monitor)
    assert str(caught.value) == (
        "version 1 of 'tiny' was trained on features of code 'a1b2c3d4', and those of 2026-03-02"
        " come from 'ffff': roll the feature pipeline back first, or go back without it by --force"
    )
    assert (mlflow.alias, last(monitor)[0], told(monitor)) == ("2", "2", [])
    roll_back(monitor, reason="both will be", by="bob", force=True)
    assert (mlflow.alias, last(monitor)[0]) == ("1", "1")


def test_before_any_judged_day_rolling_back_is_not_refused(monitor, mlflow):
    forward(monitor, "2")
    mlflow.known["1"] = {"feature_code": "a1b2c3d4"}
    back(monitor)
    assert mlflow.alias == "1"
