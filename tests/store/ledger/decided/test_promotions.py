"""Promotions are a chain; the fallback is what was said last."""

from datetime import UTC, datetime

import pytest

from monitoring_dagster.store.ledger.decided.promotions import (
    PairedResult,
    PromotedMeanwhile,
    Promotion,
)
from monitoring_dagster.store.ledger.ledger import Ledger

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def promotion(version, previous, paired=None):
    return Promotion("credit", version, previous, "lower log loss", "gate", NOON, paired)


def test_promotions_form_a_chain(ledger):
    chain = [promotion("2", "1"), promotion("1", "2"), promotion("2", "1")]
    for link in chain:
        ledger.record_promotion(link)
        ledger.record_promotion(link)
    assert ledger.promotions("credit") == chain


def test_what_the_gate_found_is_kept_with_the_promotion(ledger):
    paired = PairedResult("log_loss", "1", 0.02, 0.01, 0.03, 1500)
    ledger.record_promotion(promotion("2", "1", paired))
    ledger.record_promotion(promotion("3", "2"))
    assert [one.paired for one in ledger.promotions("credit")] == [paired, None]


def test_a_promotion_that_came_between_is_noticed(ledger):
    ledger.record_promotion(promotion("2", "1"))
    with pytest.raises(PromotedMeanwhile, match="credit is at version 2, not 1 any more"):
        ledger.record_promotion(promotion("3", "1"))


def test_the_fallback_is_what_was_said_last(ledger):
    assert ledger.fallback("credit") is None
    ledger.set_fallback("credit", on=True, by="ann", now=NOON)
    ledger.set_fallback("credit", on=False, by="bob", now=NOON)
    fallback = ledger.fallback("credit")
    assert (fallback.on, fallback.by, fallback.at) == (False, "bob", NOON)
