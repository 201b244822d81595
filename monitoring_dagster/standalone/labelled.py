"""Which label does each prediction of two tables have, as known at the end of a day?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from monitoring_dagster.integrations.files import Table
from monitoring_dagster.integrations.label_account import LabelAccount
from monitoring_dagster.integrations.labels import joined_as_of
from monitoring_dagster.integrations.rows import connected, readable
from monitoring_dagster.spec import Labels, Predictions
from monitoring_dagster.standalone.readings import Question
from monitoring_dagster.standalone.reference import Advance
from monitoring_dagster.standalone.relations import Key, lay_served, lay_told
from monitoring_dagster.standalone.roles import Roles
from monitoring_dagster.stats.accumulate import MAX_SEGMENT_VALUES, MISSING, OTHER
from monitoring_dagster.stats.column_profile import order
from monitoring_dagster.stats.values import Codes, plain

if TYPE_CHECKING:
    from monitoring_dagster.integrations.rows import Connection

_EPOCH = date(1970, 1, 1)
_NEVER_DAYS = 2_000_000  # what nobody asked for does not happen
_SERVED = Predictions(
    path="{day}", request_id="id", served_at="served_at", version="version",
    prediction="prediction", score="score", status="kind",
)  # fmt: skip


class PredictionCount(NamedTuple):
    """Where every row of the predictions went: `rows` is the sum of all others."""

    rows: int
    counted: int
    duplicate: int  # of a request that was answered before
    invalid: int  # without id or prediction, or without a time where there is a column of times
    later: int  # served after the day


class Split(NamedTuple):
    """The counted predictions, and the labelled ones among them, by the values of one thing."""

    by: str | None  # None: not split at all
    values: Sequence[str | None]
    predictions: Sequence[int]
    last_days: Sequence[date | None]  # of serving; None where nothing was served
    place: Codes  # of each labelled row: where its value stands in the three above


@dataclass(frozen=True, slots=True)
class Labelled:
    """Predictions with their labels, and where every row of both tables went."""

    rows: pa.Table  # label, prediction and score; each request once
    predicted: pa.ChunkedArray  # different predictions, labelled or not: the least 1,000
    predictions: PredictionCount
    labels: LabelAccount
    last_day: date | None  # that either table tells of; None where neither has times
    splits: Sequence[Split]  # the whole first
    columns: Mapping[str, Roles]
    notes: Sequence[str]


def labelled(
    predictions: Table, labels: Table, question: Question, *, advance: Advance
) -> Labelled:
    """Join two tables as known at the end of a day.

    Raises
    ------
    MonitoringError
        A column is not there, is unclear, or holds something else than its role needs.
    """
    with connected() as connection:
        served, keys = lay_served(connection, predictions, question, advance)
        told = lay_told(connection, labels, question, advance)
        is_timed = served.roles.get("time") is not None
        extras = [f"p{i}" for i in range(len(keys))]
        rows, account, _ = joined_as_of(
            connection,
            told.rows,
            served.rows,
            _SERVED,
            _rules(question.rules, is_timed=is_timed),
            as_of=question.as_of,
            extras=extras,
        )
        with readable(predictions.place):
            kinds = connection.execute("SELECT kind, count(*) FROM served GROUP BY 1").fetchall()
            counts = [_counts(connection, key, is_timed=is_timed) for key in ("0", *extras)]
            predicted = connection.sql(
                "SELECT DISTINCT prediction FROM served WHERE kind = 'ok' ORDER BY 1 LIMIT 1000"
            ).to_arrow_table()
            last_told = None
            if is_timed and "arrived_at" in told.rows.columns:
                ((last_told,),) = connection.execute(
                    "SELECT CAST(max(arrived_at) AS DATE) FROM labels"
                ).fetchall()
    counted, last_served = counts[0].get(0, (0, None))
    return Labelled(
        rows=rows.select(["label", "prediction", "score"]),
        predicted=predicted["prediction"],
        predictions=_account(dict(kinds)),
        labels=account,
        last_day=question.as_of or max(filter(None, [last_served, last_told]), default=None),
        splits=[
            Split(None, [None], [counted], [last_served], np.zeros(rows.num_rows, np.intp)),
            *(
                _split(key, found, rows[name])
                for key, found, name in zip(keys, counts[1:], extras, strict=True)
            ),
        ],
        columns={"predictions": served.roles, "labels": told.roles},
        notes=[*served.notes, *told.notes, *_notes(question, account)],
    )


def _notes(question: Question, account: LabelAccount) -> Iterator[str]:
    if "hour" in question.by:
        yield "hours are those of UTC, so that every day has 24"
    if account.orphan and account.orphan == account.rows - account.pending - account.invalid:
        yield "no label has the id of a prediction: are ids written alike (7 is not 007)?"


# By code: predictions that count, and the last day of serving.
_Counts: TypeAlias = dict[int, tuple[int, date | None]]


def _rules(asked: Labels, *, is_timed: bool) -> Labels:
    """Nothing expires unless that is asked for, and nothing is late without times of serving."""
    never = {"expire_after_days": _NEVER_DAYS} if asked.expire_after_days is None else {}
    return asked.model_copy(
        update={"request_id": "id", "label": "label", "arrived_at": "arrived_at", **never}
        | ({} if is_timed else {"mature_after_days": _NEVER_DAYS})
    )


def _account(kinds: Mapping[str, int]) -> PredictionCount:
    return PredictionCount(
        rows=sum(kinds.values()),
        counted=kinds.get("ok", 0),
        duplicate=kinds.get("duplicate", 0),
        invalid=kinds.get("invalid", 0) + kinds.get("error", 0),
        later=kinds.get("later", 0),
    )


def _counts(connection: "Connection", key: str, *, is_timed: bool) -> _Counts:
    found = connection.execute(
        f"SELECT coalesce({key}, -1) AS code, count(*), max({'day' if is_timed else 'NULL::DATE'})"
        " FROM served WHERE kind = 'ok' GROUP BY code"
    ).fetchall()
    return {code: (rows, last) for code, rows, last in found}


def _split(key: Key, counts: _Counts, labelled: pa.ChunkedArray) -> Split:
    shown = _shown(key, counts)
    values = list(dict.fromkeys(shown.values()))
    place = {value: i for i, value in enumerate(values)}
    predictions = [0] * len(values)
    last_days: list[date | None] = [None] * len(values)
    for code, (rows, last) in counts.items():
        i = place[shown[code]]
        predictions[i] += rows
        last_days[i] = max(filter(None, [last_days[i], last]), default=None)
    codes = sorted(shown)
    places = np.array([place[shown[code]] for code in codes], np.intp)
    of_rows = plain(labelled, nulls_as=np.int64(-1))
    return Split(key.by, values, predictions, last_days, places[np.searchsorted(codes, of_rows)])


def _shown(key: Key, counts: _Counts) -> dict[int, str]:
    """The value that each code stands for, in the order in which they are shown."""
    if key.names is None and key.by == "day":
        return {code: str(_EPOCH + timedelta(days=code)) for code in sorted(counts)}
    if key.names is None:  # a day of UTC has 24 hours, all of them shown
        hours = [day * 24 + hour for day in {code // 24 for code in counts} for hour in range(24)]
        return {
            code: f"{_EPOCH + timedelta(days=code // 24)}T{code % 24:02}:00Z"
            for code in sorted(hours)
        }
    names = {code: key.names[code] for code in sorted(counts) if code >= 0}
    kept = set(sorted(names.values(), key=order)[:MAX_SEGMENT_VALUES])
    others = {code: OTHER for code, name in names.items() if name not in kept}
    missing = {code: MISSING for code in counts if code < 0}
    return {code: name for code, name in names.items() if name in kept} | others | missing
