"""Expectations of a suite counted in the engine that reads the rows: one pass for all of them.

What a group of equal values or the order of values tells is asked column by column afterwards, so
that memory stays that of one column.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, TypeAlias

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.sources.rows.questions import AskedDay
from monitoring_dagster.sources.suites.arguments import ENGINE_TYPES, is_plain
from monitoring_dagster.sources.suites.column_types import is_counted_type
from monitoring_dagster.sources.suites.counted.breach_words import (
    example_words,
    percent,
    quoted,
    unexpected_words,
    written,
)
from monitoring_dagster.sources.suites.counted.column_expectations import (
    Contained,
    Groups,
    Measure,
    Ranks,
    Types,
    whole_test,
)
from monitoring_dagster.sources.suites.counted.row_expectations import RowTest, row_test
from monitoring_dagster.sources.suites.counted.sql_values import Column, counted
from monitoring_dagster.sources.suites.counted.table_expectations import TABLE_TYPES, unlike_table
from monitoring_dagster.sources.suites.suites import BrokenExpectation, Expectation, Suite

_EXAMPLES = 5
_LOOKED_AT = 1000  # rows that do not meet it, among which different examples are looked for
_COLUMNS_AT_ONCE = 4  # so many are decoded beside each other: memory grows with them, time does not
_GROUPS_AT_ONCE = 1_000_000  # that fit into some 120 MB
_ROWS = "count(*)"
_MOST_WORDS = 500

_Test: TypeAlias = RowTest | Measure | Groups | Ranks | Contained | Types


@dataclass(frozen=True, slots=True)
class _Unmet:
    """What was found in place of what was wanted."""

    words: str
    share: float | None = None


class _OnlyGreatExpectations(MonitoringError):
    """Some values are such that SQL could answer otherwise."""


def broken_by_count(
    suite: Suite, asked: AskedDay, *, sensitive: Collection[str] = ()
) -> tuple[dict[int, BrokenExpectation], dict[int, Expectation]]:
    """The expectations of *suite* that the rows do not meet, and those that only Great Expectations
    can judge, both by their position.

    Nothing of the columns in *sensitive* is told but counts. Raises UnreadableFile.
    """
    broken: dict[int, BrokenExpectation] = {}
    left: dict[int, Expectation] = {}
    tests: dict[int, _Test] = {}
    about_table: dict[int, Expectation] = {}
    for position, one in enumerate(suite.expectations):
        if one.type not in ENGINE_TYPES or not is_plain(one.kwargs):
            left[position] = one
        elif one.type in TABLE_TYPES:
            about_table[position] = one
        elif missing := [name for name in one.named if name not in asked.columns]:
            broken[position] = _without(one, missing, asked.columns)
        elif (test := _test_of(one, asked)) is not None:
            tests[position] = test
        else:
            left[position] = one
    answers = _answers(asked, tests, with_rows=bool(about_table))
    for position, one in about_table.items():
        if words := unlike_table(one, list(asked.columns), answers[_ROWS]):
            broken[position] = _broken(one, words)
    for position, test in tests.items():
        one = suite.expectations[position]
        is_shown = not set(one.named) & set(sensitive)
        try:
            unmet = _unmet(test, one, answers, asked, is_shown=is_shown)
        except _OnlyGreatExpectations:
            left[position] = one
            continue
        if unmet is not None:
            mostly = one.kwargs.get("mostly", 1)
            some = f" in at least {percent(mostly)} of cases" if mostly < 1 else ""
            words = f"{test.subject} {test.should}{some}: {unmet.words}"
            broken[position] = _broken(one, words, unmet.share)
    return dict(sorted(broken.items())), dict(sorted(left.items()))


def _test_of(one: Expectation, asked: AskedDay) -> _Test | None:
    columns = {name: Column.of(name, asked) for name in one.named}
    return row_test(one, columns) or whole_test(one, columns)


def _without(
    one: Expectation, missing: Sequence[str], columns: Collection[str]
) -> BrokenExpectation:
    named = ", ".join(map(quoted, missing))
    way = did_you_mean(missing[0], columns)
    return _broken(one, f"{one.type} cannot be judged: there is no column {named}. {way}")


def _broken(one: Expectation, words: str, share: float | None = None) -> BrokenExpectation:
    column = one.kwargs.get("column")
    return BrokenExpectation(one.type, column, one.severity, words[:_MOST_WORDS], share)


def _aggregates(test: _Test) -> Sequence[str]:
    """SQL: what the pass over all rows has to answer."""
    match test:
        case RowTest():
            judged = f"({test.judged})"
            odd = counted(f"{judged} AND ({test.odd})")
            return [counted(judged), odd, *([counted(test.doubtful)] if test.doubtful else [])]
        case Groups():
            return [counted(test.judged)]
        case Ranks():
            return [f"count({test.value})"]
        case Contained():
            there = [f"max(CASE WHEN {one} THEN 1 ELSE 0 END)" for one in test.conditions]
            return [f"count({test.column.value})", counted(test.odd), *there]
    return test.aggregates


def _answers(asked: AskedDay, tests: Mapping[int, _Test], *, with_rows: bool) -> dict[str, Any]:
    """What every aggregate comes to, by its SQL; a column is read once, beside a few others."""
    answers: dict[str, Any] = {}
    selected: dict[str, None] = {_ROWS: None} if with_rows else {}
    read: set[str] = set()
    names = {asked.quoted(name) for name in asked.columns}
    for test in sorted(tests.values(), key=lambda one: one.subject):
        mine = {one: None for one in _aggregates(test) if one not in answers}
        mine_read = {name for name in names if any(name in one for one in mine)}
        if selected and len(read | mine_read) > _COLUMNS_AT_ONCE:
            answers |= _asked(asked, selected)
            selected, read = {}, set()
            mine = {one: None for one in mine if one not in answers}
        selected |= mine
        read |= mine_read
    return answers | _asked(asked, selected)


def _asked(asked: AskedDay, selected: Collection[str]) -> dict[str, Any]:
    if not selected:
        return {}
    (row,) = asked.ask(f"SELECT {', '.join(selected)} FROM {asked.table}")
    return dict(zip(selected, row, strict=True))


def _unmet(
    test: _Test,
    one: Expectation,
    answers: Mapping[str, Any],
    asked: AskedDay,
    *,
    is_shown: bool,
) -> _Unmet | None:
    """What is found in place of what is wanted; None where it is met."""
    given = [answers[sql] for sql in _aggregates(test)]
    mostly = one.kwargs.get("mostly", 1)
    match test:
        case RowTest():
            return _odd_rows(test, given, mostly, asked, is_shown=is_shown)
        case Measure():
            is_kept, value = test.found(given)
            return None if is_kept else _Unmet(_it_is(value, is_shown=is_shown or test.of_rows))
        case Groups():
            return _odd_groups(test, given[0], mostly, asked, is_shown=is_shown)
        case Ranks():
            return _odd_ranks(test, given[0], asked, is_shown=is_shown)
        case Contained():
            return _not_contained(test, given, asked, is_shown=is_shown)
    rows, values, fractions = given
    arrived = test.column.type
    if any(
        is_counted_type(arrived, name, rows=rows, values=values, are_whole=not fractions)
        for name in test.names
    ):
        return None
    return _Unmet(f"it arrives as {arrived}")


def _it_is(value: object, *, is_shown: bool) -> str:
    if value is None:
        return "it has none"
    return f"it is {written(value)}" if is_shown else "it is not"


def _odd_rows(
    test: RowTest, given: Sequence[int], mostly: float, asked: AskedDay, *, is_shown: bool
) -> _Unmet | None:
    judged, odd, *doubtful = given
    if any(doubtful):
        raise _OnlyGreatExpectations
    if not judged or (judged - odd) / judged >= mostly:
        return None
    words = unexpected_words(odd, judged, test.noun, test.fault)
    if is_shown and test.shown:
        words += _examples(asked, test.shown, f"({test.judged}) AND ({test.odd})")
    return _Unmet(words, odd / judged)


def _examples(asked: AskedDay, shown: Sequence[str], condition: str) -> str:
    rows = asked.ask(
        f"SELECT {', '.join(shown)} FROM {asked.table} WHERE {condition} LIMIT {_LOOKED_AT}"
    )
    return example_words([*dict.fromkeys(rows)][:_EXAMPLES])


def _parts(test: Groups, judged: int, asked: AskedDay) -> Iterator[str]:
    """SQL: conditions that part the rows, equal ones together, so that the groups of each part fit
    into memory. Spark parts them itself."""
    parts = ceil(judged / _GROUPS_AT_ONCE)
    if parts <= 1 or asked.engine == "spark":
        yield f"({test.judged})"
        return
    for part in range(parts):
        yield f"({test.judged}) AND hash({', '.join(test.keys)}) % {parts} = {part}"


def _odd_groups(
    test: Groups, judged: int, mostly: float, asked: AskedDay, *, is_shown: bool
) -> _Unmet | None:
    sizes: dict[int, tuple[int, int]] = {}  # by the rows of a group: such groups, those in the set
    keys = ", ".join(test.keys)
    for part in _parts(test, judged, asked):
        for size, groups, in_set in asked.ask(
            "SELECT size, count(*), sum(in_set) FROM ("
            f"SELECT count(*) AS size, max(CASE WHEN {test.is_listed} THEN 1 ELSE 0 END) AS in_set"
            f" FROM {asked.table} WHERE {part} GROUP BY {keys}) AS groups GROUP BY size"
        ):
            before = sizes.get(size, (0, 0))
            sizes[size] = (before[0] + groups, before[1] + int(in_set))
    distinct = sum(groups for groups, _ in sizes.values())
    if test.asked == "count":
        return None if test.limits.hold(distinct) else _Unmet(f"it has {distinct:,}")
    if test.asked == "share":
        share = distinct / judged if judged else 0
        return None if test.limits.hold(share) else _Unmet(f"it is {written(share)}")
    if test.asked == "most common":
        return _not_most_common(test, judged, sizes, asked, is_shown=is_shown)
    repeated = sum(size * groups for size, (groups, _) in sizes.items() if size > 1)
    if not judged or (judged - repeated) / judged >= mostly:
        return None
    words = unexpected_words(repeated, judged, test.noun, "are not")
    if is_shown:
        words += _groups_of(test, judged, "> 1", asked)
    return _Unmet(words, repeated / judged)


def _not_most_common(
    test: Groups,
    judged: int,
    sizes: Mapping[int, tuple[int, int]],
    asked: AskedDay,
    *,
    is_shown: bool,
) -> _Unmet | None:
    largest = max(sizes, default=0)
    ties, in_set = sizes.get(largest, (0, 0))
    if in_set > 0 if test.ties_okay else ties == in_set == 1:
        return None
    if not ties:
        return _Unmet("it has none")
    words = f"{ties:,} values have {largest:,} of {judged:,} rows each"
    if ties == 1:
        words = f"another one has {largest:,} of {judged:,} rows"
    return _Unmet(words + (_groups_of(test, judged, f"= {largest}", asked) if is_shown else ""))


def _groups_of(test: Groups, judged: int, size: str, asked: AskedDay) -> str:
    """Examples of groups of that *size*."""
    shown = ", ".join(f"min({one})" for one in test.shown)
    found: list[tuple[Any, ...]] = []
    for part in _parts(test, judged, asked):
        found += asked.ask(
            f"SELECT {shown} FROM {asked.table} WHERE {part}"
            f" GROUP BY {', '.join(test.keys)} HAVING count(*) {size} ORDER BY 1 LIMIT {_EXAMPLES}"
        )
        if len(found) >= _EXAMPLES:
            break
    return example_words(found[:_EXAMPLES])


def _odd_ranks(test: Ranks, values: int, asked: AskedDay, *, is_shown: bool) -> _Unmet | None:
    if not values:
        return _Unmet("it has none")
    places = test.places(values)
    ranks = sorted({rank for place in places for rank in (floor(place), ceil(place))})
    at = dict(zip(ranks, _at_ranks(test, ranks, values, asked), strict=True))
    found = [
        at[floor(it)]
        if it == floor(it)
        else at[floor(it)] + (at[ceil(it)] - at[floor(it)]) * (it - floor(it))
        for it in places
    ]
    if test.hold(found):
        return None
    return _Unmet(f"it has {', '.join(map(written, found))}" if is_shown else "it has not")


def _at_ranks(test: Ranks, ranks: Sequence[int], values: int, asked: AskedDay) -> Sequence[float]:
    """The values at these places of their order, from 0: exact, whichever engine sorts."""
    value = f"CAST({test.value} AS DOUBLE)"
    shares = [(rank + 0.5) / values for rank in ranks]
    if asked.engine == "duckdb":  # which keeps the values once for all of a list
        sql = f"SELECT quantile_disc({value}, {shares}) FROM {asked.table}"
        ((found,),) = asked.ask(sql)
        return list(found)
    several = (f"percentile_disc({one!r}D) WITHIN GROUP (ORDER BY {value})" for one in shares)
    (row,) = asked.ask(f"SELECT {', '.join(several)} FROM {asked.table}")
    return row


def _not_contained(
    test: Contained, given: Sequence[int | None], asked: AskedDay, *, is_shown: bool
) -> _Unmet | None:
    values, odd, *there = given
    missing = [one for one, is_there in zip(test.values, there, strict=True) if not is_there]
    found = []
    if missing:
        named = ", ".join(map(written, missing[:_EXAMPLES]))
        more = f" and {len(missing) - _EXAMPLES:,} more" if len(missing) > _EXAMPLES else ""
        found.append(f"{named}{more} {'is' if len(missing) == 1 else 'are'} missing")
    share = None
    if test.only and odd and values:
        share = odd / values
        words = unexpected_words(odd, values, "values", "are not").replace(" not (", " others (")
        found.append(words + (_examples(asked, [test.column.shown], test.odd) if is_shown else ""))
    return _Unmet("; ".join(found), share) if found else None
