"""Two tables opened for a join, with ids and times that can be compared."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.rows.rows import readable
from monitoring_dagster.sources.tables.files import NoRows, Table, UnusableColumn
from monitoring_dagster.standalone.reading.ids_and_times import HAS_ZONE, WrongTime, ids_of, time_of
from monitoring_dagster.standalone.reading.question import (
    Question,
    Role,
    Roles,
    UnclearRole,
    plainly,
    roles,
)
from monitoring_dagster.standalone.reading.written_values import short, unstyled
from monitoring_dagster.standalone.table_profile import Advance
from monitoring_dagster.stats.columns.values import categories, from_numpy

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

PREDICTIONS, LABELS = "the table of predictions", "the table of labels"


class NoArrivals(MonitoringError):
    """What was known on a day, of labels that do not say when they became known."""

    @classmethod
    def among(cls, available: Collection[str]) -> Self:
        return cls(
            "the labels do not say when they arrived, so nobody can tell which were known on that"
            " day: name the column with --arrived, or leave out --as-of and --expire-after to count"
            f" every label that is there. They have: {', '.join(map(repr, available)) or '-'}"
        )


class NothingToJudge(MonitoringError):
    """A table has no row that says anything."""

    @classmethod
    def among(cls, table: str, reason: str) -> Self:
        return cls(f"no row of {table} can be used: {reason}")

    @classmethod
    def without(cls, table: str, column: str, role: str) -> Self:
        return cls(
            f"column {column!r} of {table} has no value in any row, and it is the {role}: there is"
            f" nothing to judge. Name another column with --{role}"
        )


class Key(NamedTuple):
    """One thing that rows are split by: a whole number a row, in the order that is shown.

    Days or hours since 1970, or places in *names*; null where there is no value.
    """

    by: str
    names: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class OpenedTable:
    """A table that lies in the session as it came, with its ids and times read."""

    table: Table
    roles: Roles
    read: pa.Table  # the columns that play a part, under names of our own
    relation: str  # of the session, in which they lie
    view: str  # SQL: place, id, day, served_at or arrived_at, and the columns of `read`
    keys: Sequence[Key]
    time: Role
    notes: Sequence[str]
    warnings: Sequence[str]
    zone: bool | None = None  # whether its times say theirs; None: has no times, or days alone

    @property
    def dated(self) -> bool:
        """Whether it has a column of times."""
        return self.roles.get(self.time) is not None

    def lay(self, connection: "Connection", **columns: pa.Array) -> None:
        """Let the view have more *columns*, in place of those that were laid before."""
        _lay(connection, self.relation, self.read, **columns)


def opened_predictions(
    connection: "Connection", table: Table, question: Question, advance: Advance
) -> OpenedTable:
    """The predictions; what they are split by as p0, p1, ..."""
    found = _roles_of_predictions(table, question)
    split = _split_by(table, question, found)
    segments = {f"p{i}": name for i, (_, name) in enumerate(split) if name is not None}
    read = _read(table, {**_columns(found), **segments}, advance)
    _refuse_empty(table, read, found, PREDICTIONS)
    keys = []
    for i, (by, name) in enumerate(split):
        names = None
        if name is not None:
            codes, names = _coded(read[f"p{i}"], column=name)
            read = read.set_column(read.column_names.index(f"p{i}"), f"p{i}", codes)
        keys.append(Key(by, names))
    return _opened(connection, table, found, read, keys, "time", PREDICTIONS)


def opened_labels(
    connection: "Connection", table: Table, question: Question, advance: Advance
) -> OpenedTable:
    """The labels."""
    found = _roles_of_labels(table, question)
    read = _read(table, _columns(found), advance)
    _refuse_empty(table, read, found, LABELS)
    return _opened(connection, table, found, read, [], "arrived", LABELS)


def _refuse_empty(table: Table, read: pa.Table, found: Roles, side: str) -> None:
    if not read.num_rows:
        raise NoRows.of(table.place)
    needed: list[Role] = ["id", "label", "prediction", "score"]
    for role in needed:
        name = f"{role} column"
        is_needed = role != "score" or "prediction" not in found.columns
        if is_needed and name in read.column_names and read[name].null_count == read.num_rows:
            raise NothingToJudge.without(side, found.columns[role], role)


def _opened(
    connection: "Connection",
    table: Table,
    found: Roles,
    read: pa.Table,
    keys: Sequence[Key],
    role: Role,
    side: str,
) -> OpenedTable:
    own, at = ("served", "served_at") if role == "time" else ("told", "arrived_at")
    connection.register(f"{own}_ids", read.select(["id column"]))
    with readable(table.place):
        ids = ids_of(connection, f"{own}_ids", "id column", column=found.columns["id"], table=side)
    notes, zone = [*table.notes, *([ids.note] if ids.note else [])], None
    warnings = [
        f"values of {name!r} that are no number, such as {short(one.examples[0])}: {one.rows:,}"
        for name, one in table.unread.items()
        if name in found.columns.values() and one.rows
    ]
    answers: list[Role] = ["label", "prediction", "score"]
    for part in answers:
        if (name := f"{part} column") in read.column_names:
            as_meant = unstyled(
                read[name], column=found.columns[part], notes=notes, warnings=warnings
            )
            read = read.set_column(read.column_names.index(name), name, as_meant)
    sql, column = "TIMESTAMPTZ '1970-01-01'" if role == "time" else "NULL::TIMESTAMPTZ", None
    if (column := found.get(role)) is not None:
        time = time_of(read[f"{role} column"], f"{role} column", column=column, role=role)
        sql = time.sql
        notes += [time.note] if time.note else []
    relation = f"{own}_columns"
    view = f"(SELECT *, {ids.sql} AS id, {sql} AS {at}, CAST({at} AS DATE) AS day FROM {relation})"
    with readable(table.place):
        _lay(connection, relation, read)
        if column is not None and time.is_text:
            zone = _zone_of_text(connection, view, column, role, at, notes, warnings)
        elif column is not None and pa.types.is_timestamp(read.schema.field(f"{role} column").type):
            zone = read.schema.field(f"{role} column").type.tz is not None
    if zone is False:
        notes.append(f"times in {column!r} without a zone are taken as UTC")
    return OpenedTable(table, found, read, relation, view, keys, role, notes, warnings, zone)


def _lay(connection: "Connection", relation: str, read: pa.Table, **columns: pa.Array) -> None:
    """Every row with its place."""
    for name, values in {"place": from_numpy(np.arange(read.num_rows)), **columns}.items():
        read = read.append_column(name, [values])
    connection.register(relation, read)


def _zone_of_text(
    connection: "Connection",
    view: str,
    column: str,
    role: Role,
    at: str,
    notes: list[str],
    warnings: list[str],
) -> bool | None:
    """Whether times as text say their zone; says so where some do. Raises WrongTime for none."""
    text = f'"{role} column"'
    ((written, there, timed, naive, example),) = connection.execute(f"""
        SELECT count({text}), count({at}), count(*) FILTER (contains({text}, ':')),
            count(*) FILTER (contains({text}, ':')
                AND NOT regexp_matches(trim({text}), '{HAS_ZONE}')),
            min({text}) FILTER ({at} IS NULL)
        FROM {view}""").fetchall()
    if written and not there:
        raise WrongTime.in_text(column, role, example)
    if 0 < naive < timed:
        warnings.append(
            f"{naive:,} of {timed:,} times in {column!r} have no zone, and the others have: those"
            " are taken as UTC"
        )
        return None
    if not timed:
        return None
    return bool(naive == 0)


def _refuse_left_out(table: Table, names: Iterable[str | None], side: str) -> None:
    """Raise UnusableColumn where the caller names a column that nobody can look at."""
    for name in names:
        if name is not None and name in table.left_out:
            raise UnusableColumn.because(name, table.left_out[name], table=side)


def refuse_plain(
    table: Table, given: Mapping[Role, str | None], wanted: Iterable[Role], side: str
) -> None:
    """Raise UnusableColumn where the one column that plainly plays a part cannot be looked at."""
    for role in wanted:
        if given.get(role) is None and not plainly(role, table.schema.names):
            for name in plainly(role, table.left_out):
                raise UnusableColumn.because(name, table.left_out[name], table=side)


def _roles_of_predictions(table: Table, question: Question) -> Roles:
    _refuse_left_out(
        table, [*question.given.values(), *question.by, *question.segments], PREDICTIONS
    )
    wanted: list[Role] = ["id", "time", "prediction", "score"]
    needed: list[Role] = ["id"]
    if question.timed or {"day", "hour"} & {*question.by}:
        needed.append("time")
    if "version" in question.by:
        needed.append("version")
    given = {role: name for role, name in question.given.items() if role in {*wanted, *needed}}
    refuse_plain(table, given, wanted, PREDICTIONS)
    found = roles(table.schema.names, given, wanted=wanted, needed=needed, table=PREDICTIONS)
    answer: Role = "prediction"
    if answer not in found.columns and "score" not in found.columns:
        raise UnclearRole.missing(answer, table=PREDICTIONS, available=table.schema.names)
    return found


def _roles_of_labels(table: Table, question: Question) -> Roles:
    _refuse_left_out(table, [question.given.get("label"), question.given.get("arrived")], LABELS)
    wanted: list[Role] = ["id", "label", "arrived"]
    given = {role: question.given.get(role) for role in wanted}
    if given["id"] not in table.schema.names:
        given["id"] = None  # it may have another name there
    refuse_plain(table, given, wanted, LABELS)
    needed: list[Role] = ["id", "label"]
    found = roles(table.schema.names, given, wanted=wanted, needed=needed, table=LABELS)
    if question.timed and not found.get("arrived"):
        raise NoArrivals.among(table.schema.names)
    return found


def _split_by(table: Table, question: Question, found: Roles) -> list[tuple[str, str | None]]:
    """What to split by, and the column that says it; None for times."""
    known: dict[str, str | None] = {"day": None, "hour": None, "version": found.get("version")}
    split = [(by, known.get(by, by)) for by in question.by]
    split += [(name, name) for name in question.segments]
    for _, name in split:
        if name is not None and name not in table.schema.names:
            raise UnknownColumn.named(name, table=PREDICTIONS, available=table.schema.names)
    return list(dict.fromkeys(split))


def _columns(found: Roles) -> dict[str, str]:
    return {f"{role} column": name for role, name in found.columns.items() if role != "version"}


def _read(table: Table, columns: Mapping[str, str], advance: Advance) -> pa.Table:
    """The *columns*, under names of our own, so that no name of a table's reaches any SQL."""
    wanted = list(dict.fromkeys(columns.values()))
    batches = list(table.read(wanted, distinct=[columns["id column"]]))
    advance(len(wanted))
    read = {}
    for name in wanted:
        kind = _plain(table.schema.field(name).type, is_id=name == columns["id column"])
        chunks = [batch.column(name).cast(kind, safe=False) for batch in batches]
        read[name] = pa.chunked_array(chunks, kind)
    return pa.table({own: read[name] for own, name in columns.items()})


def _plain(kind: pa.DataType, *, is_id: bool) -> pa.DataType:
    """What values of a type are read as: no codes, no decimals, nothing finer than microseconds."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type, is_id=is_id)
    if pa.types.is_decimal(kind) and not is_id:
        return pa.float64()
    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind


def _coded(values: pa.ChunkedArray, *, column: str) -> tuple[pa.Array, list[str]]:
    """Numbers in the order of the values; null where a value is missing."""
    codes, names = categories(values, column=column)
    ranked = sorted(names, key=_natural)
    place = {name: i for i, name in enumerate(ranked)}
    ranks = np.array([*(place[name] for name in names), -1])[codes]
    return pa.array(ranks, mask=ranks < 0), ranked


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers first, by size."""
    try:
        number = float(name)
    except ValueError:
        return True, 0.0, name
    return (False, number, name) if number == number else (True, 0.0, name)
