"""Labelled rows of a window of days without the files that are spoilt, and why each of them is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from monitoring_dagster.sources.labels.label_values import family_of
from monitoring_dagster.sources.labels.labels import labelled_rows
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.readings import NO_TYPE, is_text
from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.sources.rows.rows import (
    MissingDay,
    UnreadableFile,
    connected,
    file_of,
    readable,
    rows_on,
)
from monitoring_dagster.sources.tables.parts import is_unfinished
from monitoring_dagster.spec.model import ModelSpec, labels_of
from monitoring_dagster.spec.sources import Labels, Predictions


@dataclass(frozen=True, slots=True)
class SpoiltFiles:
    """Why which files of a window were left out, by their day."""

    predictions: Mapping[date, str]
    labels: Mapping[date, str]


def readable_labelled_rows(
    spec: ModelSpec,
    *,
    first: date,
    last: date,
    as_of: date,
    features: Sequence[str],
    further: Sequence[str],
    root: Path,
    without: Collection[tuple[str, date]] = (),
    without_days: Collection[date] = (),
    share: float = 1.0,
) -> tuple[pa.Table, SpoiltFiles]:
    """`labelled_rows` with *features* and *further* columns of what can be read, or a *share* of
    them; and the rest.

    Of files of predictions no row of *without_days* is opened.

    Raises
    ------
    UnreadableFile, UnknownColumn, UnusableName, NoLabels
        Only where no single file is to blame.
    """
    labels, log = labels_of(spec), spec.predictions
    accepted = timedelta(days=labels.accepted_days)
    arrivals = _days(first, min(as_of, last + accepted))
    named = [one for one in (labels.request_id, labels.label, labels.arrived_at) if one]
    named += [labels.annotator] if labels.annotator is not None else []

    def spoilt(*, whole: bool) -> tuple[dict[date, str], ...]:
        window = [*needed(log), *features, *further]
        earlier = _days(first - accepted, first - timedelta(days=1))  # only their ids matter
        served = [day for day in _days(first, last) if day not in without_days]
        return (
            spoilt_files(log, earlier, root=root, columns=needed(log), whole=whole),
            spoilt_files(log, served, root=root, columns=window, of_one_type=features, whole=whole),
            spoilt_files(labels, arrivals, root=root, columns=named, whole=whole),
        )  # fmt: skip

    def read(
        before: Collection[date], served: Collection[date], told: Collection[date]
    ) -> pa.Table:
        return labelled_rows(
            spec, first=first, last=last, as_of=as_of, root=root, without=without,
            features=[*features, *further], unread_arrivals=told,
            unread_days={*before, *served, *without_days},
            share=share,
        )  # fmt: skip

    found = spoilt(whole=False)
    try:
        table = read(*found)
    except UnreadableFile:  # a file that says well of itself, and whose values are broken
        found = spoilt(whole=True)
        table = read(*found)
    return table, SpoiltFiles(found[1], found[2])


def spoilt_files(
    source: Predictions | Labels,
    days: Sequence[date],
    *,
    root: Path,
    columns: Sequence[str],
    of_one_type: Collection[str] = (),
    whole: bool = False,
) -> dict[date, str]:
    """Those of the *days* whose file is missing, half-written or unreadable, or lacks one of the
    *columns*; and why, in a few words.

    Parameters
    ----------
    of_one_type
        Those of the columns that are numbers, or text, in every file: where the newest one has
        another type, an older one is spoilt.
    whole
        Read every value, and not only what the file says of itself.

    Returns
    -------
    Nothing for a table, which has no files.
    """
    found: dict[date, str] = {}
    newest: dict[str, str] = {}
    if source.path is None:
        return found
    for day in sorted(days, reverse=True):
        path = file_of(source, day, root=root)
        if path is not None and is_unfinished(path):
            found[day] = "half-written"
            continue
        try:
            there = _columns(source, day, root=root, columns=columns, whole=whole)
        except MissingDay:
            found[day] = "no file"
        except UnreadableFile:
            found[day] = "unreadable"
        else:
            if wrong := _wrong(there, newest, columns, of_one_type):
                found[day] = wrong
            else:
                newest = there | newest
    return found


def _columns(
    source: Predictions | Labels, day: date, *, root: Path, columns: Sequence[str], whole: bool
) -> dict[str, str]:
    """The columns of *day* by their names in lower case, and their types."""
    with connected(source) as connection:
        rows = rows_on(connection, source, day, root=root)
        there = {name.lower(): kind for name, kind in rows.columns.items()}
        if whole:
            names = [name for name in columns if name.lower() in there]
            every = ", ".join(f"bit_xor(hash({quoted(name)}))" for name in names) or "count(*)"
            with readable(rows.place):
                connection.execute(f"SELECT {every} FROM {rows.sql}").fetchall()
    return there


def _wrong(
    there: Mapping[str, str],
    newest: Mapping[str, str],
    columns: Sequence[str],
    of_one_type: Collection[str],
) -> str:
    for name in columns:
        kind = there.get(name.lower())
        if kind is None:
            return f"no column {name!r}"
        usual = newest.get(name.lower(), kind)
        if name in of_one_type and NO_TYPE not in (kind, usual) and _family(kind) != _family(usual):
            return f"{name!r} is {kind} and in newer files {usual}"
    return ""


def _family(duckdb_type: str) -> str:
    return "text" if is_text(duckdb_type) else family_of(duckdb_type)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
