"""Context of a day's requests: how old their features were, whom most are about, and which of them
are tests that do not say so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from monitoring_dagster.sources.rows.countable_rows import kind_of_row
from monitoring_dagster.sources.rows.readings import time_of
from monitoring_dagster.sources.rows.row_sql import Rows, literal, quoted
from monitoring_dagster.spec.sources import Predictions

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_AHEAD_HOURS = 1 / 60  # two clocks differ
_KEYS = 5  # that are kept of a day
_KEY_CHARACTERS = 80
_NOWHEN = "CAST(NULL AS TIMESTAMPTZ)"


@dataclass(frozen=True, slots=True)
class FeatureAges:
    """How many hours before they were served the features of the rows were computed."""

    rows: int  # that have both times, and the features first
    median: float
    p99: float
    oldest: float
    missing: int  # rows of which nobody knows when their features were computed
    ahead: int  # rows whose features were computed after they were served

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self | None:
        """The answers to `age_questions`; None where no row has an age."""
        if not found.get("aged"):
            return None
        median, p99 = found["feature_ages"]
        missing = found["counted"] - found["aged"] - found["ahead"]
        return cls(found["aged"], median, p99, found["oldest_features"], missing, found["ahead"])


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """The keys with most rows of a day, test traffic left out."""

    rows: int  # that have a key
    most: tuple[tuple[str, int], ...] = ()  # at most five, the largest first

    def hashed(self) -> Self:
        """The same, each key as a hash: told from others, and known again, but not named."""
        most = ((f"key {sha256(key.encode()).hexdigest()[:8]}", n) for key, n in self.most)
        return replace(self, most=tuple(most))


def age_questions(predictions: Predictions, rows: Rows, *, ok: str) -> dict[str, str]:
    """SQL: what is asked about the ages of features, by our name for the answer; rows count where
    *ok* is true."""
    if predictions.features_at is None:
        return {}
    served, computed = (
        time_of(quoted(name), rows.columns[name]) or _NOWHEN
        for name in (predictions.served_at, predictions.features_at)
    )
    age = f"((epoch({served}) - epoch({computed})) / 3600)"
    is_aged = f"FILTER ({ok} AND {age} >= -{_AHEAD_HOURS})"
    return {
        "aged": f"count(*) {is_aged}",
        "ahead": f"count(*) FILTER ({ok} AND {age} < -{_AHEAD_HOURS})",
        "feature_ages": f"quantile_cont({age}, [0.5, 0.99]) {is_aged}",
        "oldest_features": f"max({age}) {is_aged}",
    }


def untagged_test(predictions: Predictions) -> str | None:
    """SQL: whether a row has an id of test traffic and does not say that it is; None where nobody
    says what these ids begin with."""
    if not predictions.synthetic_prefixes:
        return None
    id_ = f"CAST({quoted(predictions.request_id)} AS VARCHAR)"
    begins = " OR ".join(f"starts_with({id_}, {literal(one)})"
                         for one in predictions.synthetic_prefixes)  # fmt: skip
    return f"(({kind_of_row(predictions, quoted=quoted)}) <> 'synthetic' AND ({begins}))"


def key_counts(connection: "Connection", predictions: Predictions, rows: Rows) -> KeyCounts | None:
    """Whom or what most rows are about, by the one column that says it; None without one."""
    if predictions.key is None:
        return None
    kind = kind_of_row(predictions, quoted=quoted)
    found = connection.execute(
        f"SELECT left(CAST({quoted(predictions.key)} AS VARCHAR), {_KEY_CHARACTERS}) AS key,"
        " count(*) AS n, CAST(sum(n) OVER () AS BIGINT)"
        f" FROM {rows.sql} WHERE {quoted(predictions.key)} IS NOT NULL AND ({kind}) <> 'synthetic'"
        f" GROUP BY key ORDER BY n DESC, key LIMIT {_KEYS}"
    ).fetchall()
    return KeyCounts(found[0][2] if found else 0, tuple((key, n) for key, n, _ in found))
