"""What is wrong with a day's inference log, in words: from counts to breaches of the contract."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from monitoring_dagster.kinds import Severity
from monitoring_dagster.sources.inspection.inspection import IdCounts, Inspection, Odd, Times
from monitoring_dagster.sources.rows.readings import (
    NO_TYPE,
    as_category,
    is_nested,
    is_text,
    kind_of,
    reading,
    truth_of,
)
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.written import Style

FEW = 0.01  # of the rows: what is odd about no more of them waits for the next planning
MOST = 0.5
MANY_REPEATED = 0.1
NEARLY_ALL = 0.9
_FEW_SCORES = 30  # below, which of two means is the larger says little
_SHOWN_CHARACTERS = 40
_NUMBER = re.compile(r"[-+]?\d+([.]\d*)?(e[-+]?\d+)?", re.IGNORECASE)
_HOUR, _DAY = 3_600.0, 86_400.0
_FIRST_LIKELY_YEAR = 1990  # times before it were written in another unit


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a day is not as agreed."""

    subject: str
    severity: Severity
    words: str
    is_judged: bool = False  # the column is read all the same, and its drift is news
    is_left_out: bool = False  # nothing of the column is read
    version: str = ""  # that it is about; empty: the day


def shown(value: str) -> str:
    """A value from data, cut and escaped.

    >>> shown("success"), shown("x" * 99)[-6:], shown("\\x1b[2J")
    ("'success'", "xx'...", "'\\\\x1b[2J'")
    """
    short = value[:_SHOWN_CHARACTERS]
    return repr(short) + ("..." if len(value) > _SHOWN_CHARACTERS else "")


def examples(values: Sequence[str]) -> str:
    return f", for example {', '.join(map(shown, values))}" if values else ""


def by_share(share: float) -> Severity:
    """How urgent it is that this share of the rows is odd.

    >>> [str(by_share(share)) for share in (0.01, 0.02, 0.51)]
    ['P3', 'P2', 'P1']
    """
    if share > MOST:
        return Severity.P1
    return Severity.P2 if share > FEW else Severity.P3


def of_rows(part: int, whole: int) -> str:
    """How many rows, and what share of all.

    >>> of_rows(1, 1_600)
    '1 of 1,600 rows (0.1%)'
    """
    return f"{part:,} of {whole:,} rows ({part / whole:.1%})"


# What a column arrives as.


def wants_levels(arrived: str, bins: Bins | None) -> bool:
    """Whether only its values can tell if a column that arrives in another type is the same."""
    if not isinstance(bins, CategoricalBins) or is_nested(arrived) or arrived == NO_TYPE:
        return False
    if arrived == "BOOLEAN":
        return _type_of(bins) != arrived
    return kind_of(arrived) == "numeric" and not all(map(_NUMBER.fullmatch, bins.levels))


def retyped(
    what: str, name: str, *, arrived: str, kind: str, bins: Bins | None, odd: Odd | None
) -> Breach | None:
    """What is wrong with the type in which a column arrives; None where it is the agreed one.

    Parameters
    ----------
    what
        feature, answer or segment.
    kind
        What the column is to the model: numeric or categorical.
    odd
        The values that cannot be read, where they were counted.
    """
    fault = f"{what} {name!r} should be {kind} and arrived as {_printed(arrived)}"
    if arrived == NO_TYPE:
        words = f"{what} {name!r} holds nothing but missing values"
        return Breach(name, Severity.P1, words, is_left_out=True)
    if kind == "numeric":
        return _numeric_retyped(fault, what, name, arrived, bins, odd)
    levels = bins.levels if isinstance(bins, CategoricalBins) else ()
    if as_category(arrived, levels) is None:
        return Breach(name, Severity.P1, f"{fault}, which has no categories", is_left_out=True)
    if odd is None:
        return None
    if arrived == "BLOB" and odd.odd:
        words = f"{fault}: {_cannot(odd)}"
        return Breach(name, Severity.P1, words, is_left_out=odd.share > MOST)
    if odd.share > MOST:
        words = (
            f"{fault}: {odd.odd:,} of {odd.values:,} values ({odd.share:.1%}) are none of the"
            f" reference's{examples(odd.examples)}"
        )
        return Breach(name, Severity.P1, words)
    words = (
        f"{what} {name!r} arrives as {_printed(arrived)} instead of {_type_of(bins)};"
        " the values are read as the same"
    )
    return Breach(name, Severity.P3, words, is_judged=True)


def _numeric_retyped(
    fault: str, what: str, name: str, arrived: str, bins: Bins | None, odd: Odd | None
) -> Breach | None:
    if kind_of(arrived) == "numeric":
        return None
    if arrived == "BOOLEAN":
        words = f"{what} {name!r} arrives as BOOLEAN instead of numbers; true is read as 1"
        return Breach(name, Severity.P3, words, is_judged=True)
    how = reading(arrived, [bins if bins is not None else NumericBins(np.empty(0))])
    if how is None:
        return Breach(name, Severity.P1, f"{fault}, which cannot be read", is_left_out=True)
    if not is_text(arrived) or odd is None:
        return None  # durations and times of day, which are read as seconds on both sides
    if not odd.values:
        return Breach(name, Severity.P1, f"{fault}, and holds no value", is_left_out=True)
    if odd.share > FEW:
        words = f"{fault}: {_cannot(odd)}"
        return Breach(name, Severity.P1, words, is_left_out=odd.share > MOST)
    rest = f"; {_cannot(odd)}" if odd.odd else ""
    words = f"{fault}; the numbers in it are read{rest}. Write it as numbers"
    return Breach(name, Severity.P2, words, is_judged=True)


def _cannot(odd: Odd) -> str:
    return (
        f"{odd.odd:,} of {odd.values:,} values ({odd.share:.1%}) cannot be read"
        f"{examples(odd.examples)}{_how_written(odd.examples)}"
    )


def _how_written(examples_: Sequence[str]) -> str:
    """What keeps numbers from being read, and the way out; empty where they are none."""
    style = Style.of(pa.array(examples_, pa.string())) if examples_ else None
    if style is None or style.is_plain:
        return ""
    if style.percent:
        return ". Numbers with percent signs? Write them without"
    return ". Numbers with decimal commas, blanks or currency? Write them as 1234.5"


def _type_of(bins: Bins | None) -> str:
    truth = truth_of(bins.levels) if isinstance(bins, CategoricalBins) else None
    if truth is None:
        return "words"
    return "BOOLEAN" if truth[0] == "true" else f"{truth[0]} and {truth[1]}"


def _printed(duckdb_type: str) -> str:
    """Long types, a struct's of many fields, are cut."""
    plain = duckdb_type if len(duckdb_type) <= 60 else f"{duckdb_type[:57]}..."
    return plain if plain.isprintable() else repr(plain)


def nested_roles(log: Predictions, columns: Mapping[str, str]) -> Iterator[Breach]:
    """Ids, versions and statuses of which each is several values."""
    for name in (log.request_id, log.version, log.status):
        if name is not None and is_nested(columns[name]):
            words = f"{name!r} arrives as {_printed(columns[name])}: write one plain value a row"
            yield Breach(name, Severity.P1, words)


# What the rows hold.


def in_rows(spec: ModelSpec, day: date, found: Inspection) -> Iterator[Breach]:
    """What is odd about times, ids, versions and answers."""
    log = spec.predictions
    yield from _times(log.served_at, day, found.times, found.rows)
    yield from _ids(log.request_id, found.ids, found.counted)
    if found.without_version:
        share = found.without_version / found.counted
        yield Breach(
            log.version,
            by_share(share),
            f"{of_rows(found.without_version, found.counted)} have no {log.version!r}: no version"
            " is judged by them",
        )
    yield from _unanswered(log.prediction, found.without_prediction, found.counted)
    if log.score is not None and spec.task != "regression":
        yield from _unanswered(log.score, found.counted - found.scores.values, found.counted)
    if found.scores.odd and log.score is not None:
        yield _scores(log, found)
    elif log.score is not None and spec.task == "binary":
        yield from _against_predictions(log, found)


def _unanswered(name: str, missing: int, counted: int) -> Iterator[Breach]:
    if missing:
        share = missing / counted
        yield Breach(
            name,
            by_share(share),
            f"{of_rows(missing, counted)} have no {name!r} though they count as answered: errors"
            " that are logged as ok?",
            is_judged=share <= FEW,
        )


def _scores(log: Predictions, found: Inspection) -> Breach:
    odd, low, high = found.scores, found.least_score, found.largest_score
    cause = where = ""
    if low is not None and high is not None:  # not of a sensitive column
        where = f": they run from {low:.6g} to {high:.6g}"
        is_percent = low >= 0 and 1 < high <= 100
        if odd.share > FEW:
            cause = ": per cent?" if is_percent else ": logits?" if low < 0 else ""
    rest = "" if odd.share > MOST else ". They are read as missing, the others are judged"
    return Breach(
        str(log.score),
        by_share(odd.share),
        f"{odd.odd:,} of {odd.values:,} scores ({odd.share:.1%}) are no probabilities"
        f"{where}{cause}{rest}",
        is_judged=odd.share <= FEW,
        is_left_out=odd.share > MOST,
    )


def _against_predictions(log: Predictions, found: Inspection) -> Iterator[Breach]:
    """Scores that are lower where the prediction is 1 than where it is 0."""
    low, high = found.mean_scores
    if low is not None and high is not None and high < low and found.counted >= _FEW_SCORES:
        words = (
            f"{log.score!r} is {high:.3f} on average where {log.prediction!r} is 1, and"
            f" {low:.3f} where it is 0: the probability of the other class, or of the predicted"
            " one? Write that of class 1"
        )
        yield Breach(str(log.score), Severity.P1, words)


def _ids(name: str, ids: IdCounts, counted: int) -> Iterator[Breach]:
    found: list[tuple[Severity, str]] = []
    if ids.lost_digits:
        share = ids.lost_digits / ids.rows
        words = (
            f"{of_rows(ids.lost_digits, ids.rows)} have a {name!r} that was a float and has lost"
            f" its last digits{examples(ids.examples)}: labels may find the wrong request. Write"
            " ids as text"
        )
        found.append((Severity.P1 if share > NEARLY_ALL else Severity.P2, words))
    elif ids.repeated > MANY_REPEATED * ids.rows:
        words = (
            f"{of_rows(ids.repeated, ids.rows)} have the {name!r} of an earlier row"
            f"{examples(ids.examples)}, and only the first of them counts: {_why_repeated(ids)}"
        )
        is_all = ids.repeated > NEARLY_ALL * ids.rows
        found.append((Severity.P1 if is_all else Severity.P2, words))
    if ids.missing:
        share = ids.missing / counted
        severity = Severity.P1 if share > NEARLY_ALL else max(by_share(share), Severity.P2)
        words = f"{of_rows(ids.missing, counted)} have no {name!r}: no label will find them"
        found.append((severity, words))
    if found:
        yield Breach(name, min(one for one, _ in found), "; ".join(words for _, words in found))


def _why_repeated(ids: IdCounts) -> str:
    if ids.distinct == 1:
        return "a constant in place of an id"
    if ids.same_time is not None and ids.same_time <= 1.01 * ids.distinct:
        return "they have its time, too, so the rows were written more than once"
    return "requests that were tried again, or the id of a customer or a session"


def _times(name: str, day: date, times: Times, rows: int) -> Iterator[Breach]:
    odd = times.missing + times.unreadable + times.elsewhere
    if not odd:
        return
    parts = []
    if times.elsewhere:
        parts.append(
            f"{of_rows(times.elsewhere, rows)} have a {name!r} of another UTC day: the times run"
            f" from {_at(times.first)} to {_at(times.last)}{_why_elsewhere(day, times, rows)}"
        )
    if times.missing:
        parts.append(f"{of_rows(times.missing, rows)} have no {name!r}")
    if times.unreadable:
        unit = f" ({times.unit} since 1970?)" if times.unit else ""
        parts.append(
            f"{of_rows(times.unreadable, rows)} have a {name!r} that cannot be read"
            f"{examples(times.examples)}{unit}"
        )
    yield Breach(name, by_share(odd / rows), "; ".join(parts))


def no_times(name: str, *, arrived: str, times: Times) -> Breach:
    """The column of times holds none: no row can be told by when it was served."""
    unit = f" ({times.unit} since 1970?)" if times.unit else ""
    words = (
        f"{name!r} arrives as {_printed(arrived)}, which is no time{examples(times.examples)}{unit}"
        ": the day is not judged. Write timestamps, then re-materialise it"
    )
    return Breach(name, Severity.P1, words, is_left_out=True)


def _at(seconds: float | None) -> str:
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds or 0.0)
    except OverflowError:
        return f"the year {1970 + (seconds or 0.0) / (365.25 * _DAY):,.0f}"
    return f"{at:%Y-%m-%d %H:%M}"


def _why_elsewhere(day: date, times: Times, rows: int) -> str:
    """The likely cause of times outside the day; empty where none is likely."""
    assert times.first is not None, "somebody lies elsewhere"
    assert times.last is not None, "somebody lies elsewhere"
    start = (day - date(1970, 1, 1)).days * _DAY
    if times.elsewhere <= FEW * rows:
        return ""
    if times.last < (_FIRST_LIKELY_YEAR - 1970) * 365.25 * _DAY or times.first > 4e9:
        return ": another unit (seconds, milliseconds)?"
    days = (times.first - start) // _DAY
    if days and days == (times.last - start) // _DAY:
        distance = f"{abs(days):,.0f} day{'' if abs(days) == 1 else 's'}"
        return f": a file of another day, {distance} {'later' if days > 0 else 'earlier'}?"
    hours = round((times.first - start) / _HOUR)
    if times.last - times.first <= _DAY and 0 < abs(hours) <= 14:
        return f": a day of local time, {hours:+d} hours from UTC's?"
    return ""
