"""First suite of a model, drafted from its reference rows and what the inference log must hold."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.sources.suites.suites import Severity
from monitoring_dagster.spec.metrics import Task
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.learnt_limits import (
    MOST_LEVELS,
    NoLimit,
    learnt,
    levels,
    presence,
    value_range,
)
from monitoring_dagster.stats.columns.values import is_numeric, is_time, is_words, numbers

_EXISTS = "expect_column_to_exist"
_NOT_NULL = "expect_column_values_to_not_be_null"
_BETWEEN = "expect_column_values_to_be_between"
_IN_SET = "expect_column_values_to_be_in_set"
_OF_TYPES = "expect_column_values_to_be_in_type_list"
_NOT_EMPTY = "expect_table_row_count_to_be_between"
_FEWEST_PRESENT = 0.99  # of the ids, times and versions: the daily contract says the rest
_PARAMETER = "$PARAMETER"  # begins a value that Great Expectations fills in


@dataclass(frozen=True, slots=True)
class Learning:
    """Rows of a version's reference, day by day, and what its signature says."""

    version: str
    days: Sequence[pa.Table]  # or parts of the rows, where they tell no days
    held_out: int  # of the last of them, which only test what the others teach
    has_days: bool
    features: Mapping[str, str]  # numeric or categorical, by name
    required: Collection[str]  # features without which the model does not answer

    @property
    def rows(self) -> int:
        return sum(day.num_rows for day in self.days)

    @property
    def notes(self) -> str:
        """Where limits come from, as the notes of the suite say it."""
        days = f"{len(self.days)} {'days' if self.has_days else 'parts, which stand for days'}"
        return (
            f"A first draft, from version {self.version}'s reference: {self.rows:,} rows on {days},"
            f" of which {self.held_out} were held out to test what the others teach. Ranges leave"
            " out the outermost 0.5 % of the values on either side, and are widened by the distance"
            " between what is left; they know no season but those of the reference. Mend what you"
            " know better, and take out what nobody should be woken for."
        )


@dataclass(frozen=True, slots=True)
class Omitted:
    """What nothing was written about, and why."""

    column: str
    asked: str  # type, missing values, range, set of values
    why: str

    @property
    def words(self) -> str:
        about = f"{self.column!r}: no limit on its" if self.column else "no limit on the"
        return f"{about} {self.asked}: {self.why}"


@dataclass(frozen=True, slots=True)
class Draft:
    """Expectations as their file has them, sorted by column, and what has none."""

    entries: tuple[dict[str, Any], ...]
    omitted: tuple[Omitted, ...]

    @property
    def columns(self) -> list[str]:
        """Those that an expectation is about."""
        named = (one["kwargs"].get("column") for one in self.entries)
        return [*dict.fromkeys(name for name in named if name is not None)]


@dataclass
class _Written:
    """The expectations about one column so far."""

    column: str
    severity: Severity
    what: str = ""  # the column is
    entries: list[dict[str, Any]] = field(default_factory=list)
    omitted: list[Omitted] = field(default_factory=list)

    def expect(
        self,
        kind: str,
        notes: str,
        *,
        severity: Severity | None = None,
        mostly: float = 1,
        **kwargs: object,
    ) -> None:
        share = {} if mostly == 1 else {"mostly": mostly}
        column = {"column": self.column} if self.column else {}
        self.entries.append(
            {
                "type": kind,
                "kwargs": column | kwargs | share,
                "severity": severity or self.severity,
                "notes": notes,
            }
        )

    def finished(self) -> list[dict[str, Any]]:
        """All of them; that the column is there only where nothing else is asked as urgently:
        nobody wants to hear of one missing column four times."""
        if self.column and not any(one["severity"] == self.severity for one in self.entries):
            rest, self.entries = self.entries, []
            self.expect(_EXISTS, self.what)
            self.entries += rest
        return self.entries

    def omit(self, asked: str, why: str) -> None:
        self.omitted.append(Omitted(self.column, asked, why))


def drafted(spec: ModelSpec, learning: Learning) -> Draft:
    """What the rows of a day must look like, as far as the reference and defs.yaml tell.

    Every limit holds on each day of the reference, and held on the days that were held out when
    the others taught it.
    """
    whole = _Written("", "critical")
    whole.expect(_NOT_EMPTY, "A day without rows is not judged.", min_value=1)
    if not learning.features:
        whole.omit("features", "the version has no signature: declare `features` in defs.yaml")
    columns = {**_features(learning), **_roles(spec, learning)}
    written = [whole, *(columns[name] for name in sorted(columns))]
    return Draft(
        tuple(entry for one in written for entry in one.finished()),
        tuple(omitted for one in written for omitted in one.omitted),
    )


def _features(learning: Learning) -> dict[str, _Written]:
    found = {}
    for name, kind in learning.features.items():
        is_required = name in learning.required
        severity: Severity = "critical" if is_required else "warning"
        what = f"A feature of the model, {'required' if is_required else 'optional'}."
        one = found[name] = _Written(name, severity, what)
        _learn(one, learning, is_category=kind == "categorical")
    return found


def _roles(spec: ModelSpec, learning: Learning) -> dict[str, _Written]:
    """Columns that defs.yaml names, beside the features."""
    log, found = spec.predictions, {}

    def role(name: str, what: str) -> _Written:
        found[name] = _Written(name, "critical", f"{what}, as defs.yaml names it.")
        return found[name]

    for name, what in {
        log.request_id: "Request id",
        log.served_at: "Time of the request",
        log.version: "Version that answered",
    }.items():
        one = role(name, what)
        one.expect(_NOT_NULL, one.what, mostly=_FEWEST_PRESENT)
    if log.status is not None:
        role(log.status, "Status")
    if log.synthetic is not None:
        role(log.synthetic, "Mark of test traffic")
    for stage, name in log.latency_ms.items():
        note = "No latency is negative."
        role(name, f"Latency, {stage}").expect(_BETWEEN, note, severity="warning", min_value=0)
    for name in spec.segments:
        if name not in learning.features:
            one = role(name, "Segment")
            one.severity = "warning"
            _learn(one, learning, is_category=True)
    answers = [role(log.prediction, "Prediction")]
    _learn_answer(answers[0], learning, spec.task)
    if log.score is not None:
        answers.append(role(log.score, "Score"))
        if spec.task != "regression":
            answers[-1].expect(_BETWEEN, "A probability.", min_value=0, max_value=1)
    for one in answers:
        if log.status is None:
            note = "Every request has an answer."
            one.expect(_NOT_NULL, note, mostly=_FEWEST_PRESENT)
        else:
            one.omit("missing values", f"rows whose {log.status!r} is not ok may have no answer")
    return found


def _learn(one: _Written, learning: Learning, *, is_category: bool) -> None:
    """What the reference teaches about a column."""
    days = _days(one, learning)
    if days:
        _learn_presence(one, learning, days)
        _learn_values(one, learning, days, is_category=is_category)


def _learn_answer(one: _Written, learning: Learning, task: Task) -> None:
    """Its values alone: in type and missing ones the service may differ from registered rows."""
    days = _days(one, learning)
    if days and task == "binary" and is_numeric(days[0].type):
        one.expect(_IN_SET, "The two classes.", value_set=[0, 1])
    elif days:
        _learn_values(one, learning, days, is_category=task != "regression")


def _days(one: _Written, learning: Learning) -> list[pa.Array]:
    """The column, day by day; none where the reference lacks it."""
    if one.column not in learning.days[0].column_names:
        one.omit("values", "the reference has no such column")
        return []
    days = [day[one.column].combine_chunks() for day in learning.days]
    is_encoded = pa.types.is_dictionary(days[0].type)
    return [day.dictionary_decode() for day in days] if is_encoded else days


def _learn_values(
    one: _Written, learning: Learning, days: Sequence[pa.Array], *, is_category: bool
) -> None:
    arrow_type = days[0].type
    if is_numeric(arrow_type) and not is_category:
        _learn_range(one, learning, days)
    elif is_numeric(arrow_type) or is_words(arrow_type):
        _learn_levels(one, learning, days)
    elif is_time(arrow_type):
        one.omit("range", "times move on")


def _learn_presence(one: _Written, learning: Learning, days: Sequence[pa.Array]) -> None:
    there = [~_missing(day) for day in days]
    found = learnt(presence, there, held_out=learning.held_out)
    if isinstance(found, NoLimit):
        one.omit("missing values", found.why)
    else:
        worst = max(1 - float(np.mean(day)) for day in there)
        note = f"Missing in the reference: at most {worst:.1%} of a day."
        note = note if worst else "Never missing in the reference."
        one.expect(_NOT_NULL, note, mostly=found.mostly)
    held, types = _types(days[0].type)
    if not types:
        one.omit("type", f"no expectation fits {days[0].type}")
    elif not all(map(np.any, there)):
        one.omit("type", "a day of the reference holds nothing but missing values")
    else:
        one.expect(_OF_TYPES, f"In the reference: {held}.", type_list=types)


def _learn_range(one: _Written, learning: Learning, days: Sequence[pa.Array]) -> None:
    read = [numbers(day, column=one.column).astype(np.float64) for day in days]
    values = [day[~np.isnan(day)] for day in read]
    found = learnt(value_range, values, held_out=learning.held_out)
    if isinstance(found, NoLimit):
        one.omit("range", found.why)
        return
    least, most = (extreme(np.concatenate(values)) for extreme in (np.min, np.max))
    note = f"In the reference: {least:,.6g} to {most:,.6g}."
    one.expect(_BETWEEN, note, min_value=found.low, max_value=found.high, mostly=found.mostly)


def _learn_levels(one: _Written, learning: Learning, days: Sequence[pa.Array]) -> None:
    if len(pc.unique(pa.chunked_array(days))) > 2 * MOST_LEVELS:
        one.omit("values", f"more than {2 * MOST_LEVELS} levels are no set that a person reviews")
        return
    found = learnt(levels, [_counted(day) for day in days], held_out=learning.held_out)
    if isinstance(found, NoLimit):
        one.omit("values", found.why)
    elif not all(map(_is_writable, found.values)):
        one.omit("values", f"one is infinite, or begins with {_PARAMETER}: no suite can say it")
    else:
        note = f"In the reference: these {len(found.values)}."
        one.expect(_IN_SET, note, value_set=[*found.values], mostly=found.mostly)


def _missing(day: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which values pandas takes for missing: nulls, and NaN."""
    return np.asarray(pc.is_null(day, nan_is_null=True).to_numpy(zero_copy_only=False), bool)


def _counted(day: pa.Array) -> dict[object, int]:
    is_decimal = pa.types.is_decimal(day.type)
    plain = day.cast(pa.float64(), safe=False) if is_decimal else day
    counts = {one["values"]: one["counts"] for one in pc.value_counts(plain).to_pylist()}
    return {value: n for value, n in counts.items() if value is not None and value == value}


def _is_writable(value: object) -> bool:
    if isinstance(value, str):
        return not value.startswith(_PARAMETER)
    return isinstance(value, int | float) and isfinite(value)


def _types(arrow_type: pa.DataType) -> tuple[str, list[str]]:
    """What such a column holds, and the kinds of types in which a service may send it."""
    if is_numeric(arrow_type):
        return "numbers", ["int", "float", "decimal"]
    if is_words(arrow_type):
        return "text", ["str"]
    if pa.types.is_boolean(arrow_type):
        return "true or false", ["bool"]
    return ("times", ["datetime64", "date"]) if is_time(arrow_type) else ("", [])
