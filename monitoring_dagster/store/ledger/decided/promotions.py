"""Promotions, each tied to the one before, and whether callers should use the fallback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import fields_of, tables


class PromotedMeanwhile(MonitoringError):
    """Somebody else promoted between the decision and its record."""

    @classmethod
    def of(cls, model: str, *, expected: str | None, found: str) -> Self:
        return cls(
            f"{model} is at version {found}, not {expected} any more: another promotion came"
            " between. Compare with that version and decide again."
        )


@dataclass(frozen=True, slots=True)
class PairedResult:
    """A challenger against the champion on the same rows, as the gate compared them."""

    metric: str
    compared_with: str  # the champion
    difference: float  # in the metric's unit; positive: the challenger is better
    low: float  # 95 % interval
    high: float
    n: int  # rows

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON keeps them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any] | None) -> Self | None:
        """What `as_dict` wrote; None where nothing was compared."""
        return cls(**plain) if plain else None


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of the champion."""

    model: str
    version: str
    previous: str | None
    reason: str
    by: str
    at: datetime
    paired: PairedResult | None = None  # with *previous*; None where nobody compared them


def record_promotion(url: str, promotion: Promotion) -> None:
    """Store a change of the champion, provided that ``previous`` is still the last one.

    The first promotion of a model may name any ``previous``: the ledger begins with it.

    Raises
    ------
    PromotedMeanwhile
        Another promotion came between.
    """
    table = tables().promotions
    query = table.select().where(table.c.model == promotion.model)
    with writing(url, promotion.model) as connection:
        last = (
            connection.execute(query.order_by(table.c.number.desc()).limit(1))
            .mappings()
            .one_or_none()
        )
        step = (promotion.previous, promotion.version)
        if last is not None and (last["previous"], last["version"]) == step:
            return
        if last is not None and last["version"] != promotion.previous:
            raise PromotedMeanwhile.of(
                promotion.model, expected=promotion.previous, found=last["version"]
            )
        paired = promotion.paired and promotion.paired.as_dict()
        connection.execute(table.insert(), {**fields_of(promotion), "paired": paired})


def promotions_of(url: str, model: str) -> list[Promotion]:
    """The promotions of *model*, oldest first; the last one is the truth."""
    table = tables().promotions
    query = table.select().where(table.c.model == model).order_by(table.c.number)
    with reading(url) as connection:
        rows = connection.execute(query).mappings().all()
    return [
        Promotion(
            **{name: value for name, value in row.items() if name not in ("number", "paired")},
            paired=PairedResult.from_dict(row["paired"]),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Fallback:
    """Whether a model's callers should use the fallback, and who said so."""

    on: bool
    by: str
    at: datetime


def set_fallback(url: str, model: str, *, on: bool, by: str, now: datetime) -> None:
    """Say whether the callers of *model* should use the fallback."""
    table = tables().fallbacks
    with writing(url, model) as connection:
        connection.execute(table.delete().where(table.c.model == model))
        connection.execute(table.insert(), {"model": model, "on": on, "by": by, "at": now})


def fallback_of(url: str, model: str) -> Fallback | None:
    """The last word on the fallback of *model*, or None if nobody has said any."""
    table = tables().fallbacks
    with reading(url) as connection:
        row = connection.execute(table.select().where(table.c.model == model)).one_or_none()
    return None if row is None else Fallback(row.on, row.by, row.at)
