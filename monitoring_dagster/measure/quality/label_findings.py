"""What is wrong with the labels that arrived on a day: where, how many, which, and likely why."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.sources.labels.label_oddities import (
    DOUBLED,
    EARLY,
    OFF_DAY,
    ORPHAN,
    SAME_ID,
    STALE,
    Oddity,
    restored,
)
from monitoring_dagster.sources.labels.label_rows import Fault
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.sources import Labels
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome

_LIMIT = 0.05  # of the rows of a delivery
_MOST = 0.5
_SHOWN, _SHOWN_CHARACTERS = 5, 40
_NEAR_HOURS = 0.1  # to a whole number of them
_YES_AND_NO = {"yes", "no", "y", "n", "t", "f"}
_EPOCHS = {10: "seconds", 13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}


class Wrong(NamedTuple):
    """Something that is wrong, before it has a day."""

    kind: FindingKind
    subject: str
    severity: Severity
    words: str


def wrong_with(
    spec: ModelSpec, labels: Labels, day: date, account: Mapping[str, Any]
) -> Iterator[Wrong]:
    """What the stored *account* of the labels that arrived on *day* says is wrong."""
    if "error" in account:
        kind = FindingKind.LATE_LABELS if account["missing"] else FindingKind.UNREADABLE_DATA
        yield Wrong(kind, "labels", Severity.P2, account["error"])
        return
    if not account.get("rows"):
        return
    place = _place(labels, day)
    odd = {one.kind: one for one in _together(map(restored, account.get("oddities", ())))}
    if account["orphan"] > _LIMIT * account["rows"] and SAME_ID not in odd:
        yield Wrong(
            FindingKind.ORPHAN_LABELS,
            "labels",
            Severity.P2,
            f"{account['orphan']:,} of {account['rows']:,} labels belong to no prediction of the"
            f" last days (limit {_LIMIT:.0%}){_of_orphans(odd.get(ORPHAN), place)}",
        )
    faults = [one for kind in Fault if (one := odd.get(kind)) and _is_told(one)]
    if faults:
        severity = min(_severity(one) for one in faults)
        words = "; ".join(_of_fault(spec, one, place) for one in faults)
        yield Wrong(FindingKind.UNREADABLE_DATA, "labels", severity, words)
    yield from _of_times(odd, place, day)
    yield from _of_ids(odd, place)


def never_came(labels: Labels, day: date) -> Wrong:
    """No label for weeks, though the wait for some predictions is over."""
    return Wrong(
        FindingKind.LATE_LABELS,
        "labels",
        Severity.P2,
        f"{_place(labels, day)}: no label has arrived for predictions that are older than"
        f" mature_after_days ({labels.mature_after_days}). Deliver labels, or raise"
        " labels.mature_after_days to when they come",
    )


def _together(oddities: Iterator[Oddity]) -> list[Oddity]:
    """One a kind: predictions at fault are of several days."""
    found: dict[str, Oddity] = {}
    for one in oddities:
        before = found.get(one.kind)
        if before is None:
            found[one.kind] = one
            continue
        days = f"{before.served_on}, {one.served_on}"
        bounds = [[n for n in (getattr(it, name) for it in (before, one)) if n is not None]
                  for name in ("low", "high")]  # fmt: skip
        found[one.kind] = replace(
            before,
            rows=before.rows + one.rows,
            of=before.of + one.of if one.kind == Fault.SCORE else one.of,
            served_on=days if days.count(",") < _SHOWN else before.served_on,
            low=min(bounds[0], default=None),
            high=max(bounds[1], default=None),
            examples=(*before.examples, *one.examples)[:_SHOWN],
        )
    return list(found.values())


def _is_told(one: Oddity) -> bool:
    """What is missing here and there is usual; what says nothing is told from the first row on."""
    return one.kind != Fault.MISSING or one.rows > _LIMIT * one.of


def _severity(one: Oddity) -> Severity:
    return Severity.P2 if one.rows > _LIMIT * one.of else Severity.P3


def _of_fault(spec: ModelSpec, one: Oddity, place: str) -> str:
    """Where, how many, what, why and which."""
    rows = f"{one.rows:,} of {one.of:,} labels"
    if one.kind == Fault.MISSING:
        return f"{place}: {rows} have no request id or no value (limit {_LIMIT:.0%})"
    value = next((value for _, value in one.examples if value is not None), "")
    if one.kind in (Fault.SCORE, Fault.PREDICTION):
        days = f"column {one.column!r} of the predictions of {one.served_on}"
        why = _of_score(one, value) if one.kind == Fault.SCORE else _of_truth(spec, one, value)
        return f"{place}: {rows} are left out, as {days} holds none: {why}{_which(one)}"
    why = {
        Fault.LABEL: lambda: _of_truth(spec, one, value),
        Fault.CLASS: lambda: (
            f"no label is a class that a prediction names (labels: {_listed(one.values)};"
            f" predictions: {one.cause}): write both alike"
        ),
        Fault.DIGITS: lambda: (
            f"{_cut(value)} is a float that has lost digits, and may mean several requests:"
            " deliver ids as text or integers"
        ),
        Fault.TIME: lambda: (
            f"{_cut(value)} is no time{_of_epoch(value)}: deliver timestamps in UTC"
        ),
        Fault.FUTURE: lambda: (
            f"{_cut(value)} lies more than a day after the day of its file: is the year or the unit"
            " wrong, or does the file have another day's name?"
        ),
    }[Fault(one.kind)]()
    return f"{place}: {rows} are left out for their column {one.column!r}: {why}{_which(one)}"


def _of_truth(spec: ModelSpec, one: Oddity, value: str) -> str:
    role = "prediction" if one.kind == Fault.PREDICTION else "label"
    if spec.task == "regression":
        return f"{role} {_cut(value)} is no finite number"
    words = str(UnusableOutcome.not_binary(role, value[:_SHOWN_CHARACTERS]))
    if one.rows <= _LIMIT * one.of:
        return words
    values = {value.strip().lower() for value in one.values}
    if values and values <= _YES_AND_NO:
        return f"{words}; most are words for yes and no"
    if values == {"-1", "1"} or values <= {"1", "2", "1.0", "2.0"} or values == {"-1"}:
        return f"{words}; most are classes {' and '.join(sorted(values))}"
    return f"{words}; most are such values ({_listed(one.values)}): is it the right column?"


def _of_score(one: Oddity, value: str) -> str:
    if one.low is None or one.high is None:
        return f"score {_cut(value)} is no number"
    words = f"score {_cut(value)} lies outside 0 to 1"
    if one.rows <= _MOST * one.of:
        return words
    if one.low > 0 and one.high <= 100:
        likely = "are they percentages?"
    elif one.high <= 0:
        likely = "are they logarithms of probabilities?"
    elif one.low < 0:
        likely = "are they logits?"
    else:
        likely = "are they points of another scale?"
    return f"{words}; most scores do ({one.low:g} to {one.high:g}): {likely} Log the probability"


def _of_epoch(value: str) -> str:
    digits = re.fullmatch(r"-?(\d+)(\.\d*)?", value)
    unit = _EPOCHS.get(len(digits[1])) if digits else None
    return f" (epoch {unit}, likely)" if unit else ""


def _of_orphans(one: Oddity | None, place: str) -> str:
    """How they differ from ids that would fit, or how both are written."""
    if one is None:
        return ""
    which = _listed([id_ for id_, _ in one.examples if id_ is not None])
    theirs = f", and predictions such as {_cut(one.values[0])}" if one.values else ""
    if one.cause == "digits":
        return (
            f". The predictions' ids are floats that have lost digits ({_cut(one.values[0])}):"
            " log ids as text or integers"
        )
    likely = (
        f". Likely they differ in {one.cause}: write both alike"
        if one.cause
        else ". Likely the log lacks these requests, or they arrived before their predictions"
    )
    return f". {place} names requests such as {which}{theirs}{likely}"


def _of_times(odd: Mapping[str, Oddity], place: str, day: date) -> Iterator[Wrong]:
    kind, severity = FindingKind.LABEL_PROCESS, Severity.P2
    early, off = odd.get(EARLY), odd.get(OFF_DAY)
    is_off = off is not None and off.rows > _LIMIT * off.of
    if early is not None and early.rows > _LIMIT * early.of and not is_off:
        hours = -(early.low or 0.0)
        whole = round(hours)
        likely = "a wrong clock, or two columns swapped"
        if 0 < whole <= 14 and abs(hours - whole) < _NEAR_HOURS:
            likely = f"times of a zone {whole} h away that are not marked as such"
        yield Wrong(
            kind, "time of arrival", severity,
            f"{place}: {early.rows:,} of {early.of:,} labels arrived before their predictions"
            f" (column {early.column!r}; by {hours:.1f} h in the median): likely {likely}"
            f"{_which(early)}",
        )  # fmt: skip
    if off is not None and is_off:
        yield Wrong(
            kind, "day of the file", severity,
            f"{place}: {off.rows:,} of {off.of:,} labels arrived more than a day before {day} by"
            f" their column {off.column!r}: a file under another day's name, or one column for"
            f" another{_which(off)}",
        )  # fmt: skip
    stale = odd.get(STALE)
    if stale is not None:
        yield Wrong(
            kind, "day of the file", severity,
            f"{place}: none of {stale.rows:,} labels is new, and the last of them arrived on"
            f" {stale.cause}: likely that day's file under this day's name",
        )  # fmt: skip


def _of_ids(odd: Mapping[str, Oddity], place: str) -> Iterator[Wrong]:
    kind, severity = FindingKind.LABEL_PROCESS, Severity.P2
    same = odd.get(SAME_ID)
    if same is not None:
        yield Wrong(
            kind, "request ids", severity,
            f"{place}: all {same.rows:,} labels have the request id {_cut(same.examples[0][0])}:"
            f" is {same.column!r} the right column?",
        )  # fmt: skip
    doubled = odd.get(DOUBLED)
    if same is None and doubled is not None and doubled.rows > _LIMIT * doubled.of:
        yield Wrong(
            kind, "request ids", severity,
            f"{place}: {doubled.rows:,} of {doubled.of:,} requests have several labels that"
            f" contradict each other, and nobody says which counts{_which(doubled)}",
        )  # fmt: skip


def _place(labels: Labels, day: date) -> str:
    if labels.path is None:
        return f"table {labels.table!r}, arrivals of {day}"
    return labels.path.replace("{day}", str(day))


def _which(one: Oddity) -> str:
    shown = [
        _cut(id_ if id_ is not None else "(none)") + (f": {_cut(value)}" if value else "")
        for id_, value in one.examples
    ]
    more = ", ..." if one.rows > len(shown) else ""
    return f" (request {', '.join(shown)}{more})" if shown else ""


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(_cut, values))


def _cut(value: str | None) -> str:
    return repr((value or "")[:_SHOWN_CHARACTERS])
