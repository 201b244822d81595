"""Drift of one table from another, by the verdicts of the daily check."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from math import isfinite
from threading import Thread
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from monitoring_dagster.sources.tables.files import NoRows
from monitoring_dagster.standalone.table_profile import (
    Advance,
    NothingInCommon,
    profiled,
    read_reference,
    table_of,
)
from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.columns.values import is_time, plain_type
from monitoring_dagster.stats.columns.written import Unread
from monitoring_dagster.stats.drift.column_drift import measure_all
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import DriftVerdict, Verdict, judge
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.stats.estimation.confidence import with_extremes, without_extremes
from monitoring_dagster.store.references.reference import ColumnKind, Reference

if TYPE_CHECKING:
    import pandas as pd

_SIDE = "the current data"
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Comparison:
    """How a table differs from a reference, feature by feature; the most notable first."""

    verdict: Verdict
    rows_reference: int
    rows_current: int
    features: Sequence[tuple[Group, DriftVerdict]] = field(repr=False)
    kinds: Mapping[str, ColumnKind] = field(repr=False)  # what each column was taken for
    reference: Reference = field(repr=False)
    notes: Sequence[str] = field(repr=False, default=())  # what was taken for granted
    warnings: Sequence[str] = field(repr=False, default=())  # columns and values not looked at
    unread: Mapping[str, Unread] = field(repr=False, default_factory=dict)  # of the current rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not a number is None."""
        return {
            "verdict": str(self.verdict),
            "rows": {"reference": self.rows_reference, "current": self.rows_current},
            "columns": {name: one.kind or "ignored" for name, one in self.kinds.items()},
            "left_out": {name: one.why for name, one in self.kinds.items() if one.kind is None},
            "unread": {
                name: {
                    "reference": self.reference.unread.get(name, Unread()).rows,
                    "current": self.unread.get(name, Unread()).rows,
                }
                for name in sorted({*self.reference.unread, *self.unread})
            },
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "features": [_record(group, one) for group, one in self.features],
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row a feature, whole first, then by segment."""
        import pandas as pd

        return pd.DataFrame([_record(group, one) for group, one in self.features])


def compare(
    reference: Any,
    current: Any,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    segments: Sequence[str] = (),
    settings: DriftSettings | None = None,
    advance: Advance = lambda columns: None,
) -> Comparison:
    """Say for every column whether *current* drifted from *reference*, and how far.

    Parameters
    ----------
    reference, current
        A pandas DataFrame, an Arrow table, anything that speaks Arrow's PyCapsule interface, or a
        path: Parquet or CSV, a file, a folder or a glob. The reference may also be a `Reference`,
        or the path of one that was kept, of a table or of a version.
    categorical, numeric, ignore
        Columns whose guessed kind is wrong; by default numbers are numeric, words and booleans
        categorical, identifiers and points in time left out.
    segments
        Columns by whose values the rows are split and judged as well.
    settings
        Where evidence and effect begin.
    advance
        Told the number of columns that have just been read, on either side.

    Raises
    ------
    MonitoringError
        A side cannot be read or has no rows, they share no column, or a named column is not there.

    >>> import pyarrow as pa
    >>> before = pa.table({"age": [20.0 + i % 50 for i in range(1000)]})
    >>> now = pa.table({"age": [35.0 + i % 50 for i in range(1000)]})
    >>> str(compare(before, now).verdict)
    'DRIFT'
    """
    settings = settings or DriftSettings()
    Thread(target=import_module, args=("scipy.special",)).start()  # slow, and needed at the end
    before = read_reference(reference, categorical, numeric, ignore, segments, advance)
    now = table_of(current, "current data")
    if not now.rows:
        raise NoRows.of(_SIDE)
    now.require([name for name in before.bins if name in now.twice], table=_SIDE)
    odd = unusable(before, now.schema, left_out=now.left_out)
    if not any(name in now.schema.names for name in before.bins):
        raise NothingInCommon.with_columns(before.bins, now.schema.names)
    over = without_extremes(before.bins)
    found = profiled(now, over, before.segments, unusable=odd, advance=advance)
    profiles = with_extremes(found.profiles, {"": before.bins})
    unread = {
        name: one for name, one in {**now.unread, **found.unread}.items() if name in before.bins
    }
    odd |= {
        name: f"numeric in the reference, and arrives as {now.schema.field(name).type}:"
        f" {_unread_words(one, now.rows)}"
        for name, one in unread.items()
        if 2 * one.rows > now.rows
    }
    features = _judged(before, profiles, settings, odd)
    verdicts = {one.verdict for _, one in features}
    notable = (Verdict.DRIFT, Verdict.OK, Verdict.MUTED)
    worst = next((one for one in notable if one in verdicts), None)
    new = {
        name: ColumnKind(None, now.left_out.get(name, "not in the reference"), unseen=True)
        for name in [*now.schema.names, *now.left_out]
        if name not in before.kinds
    }
    kinds = {**before.kinds, **new}
    return Comparison(
        verdict=worst or Verdict.INSUFFICIENT,
        rows_reference=before.profiles[Group("")].rows,
        rows_current=found.profiles[Group("")].rows,
        features=features,
        kinds=kinds,
        reference=before,
        notes=list(dict.fromkeys([*before.notes, *now.notes, *found.notes])),
        warnings=list(_warnings(kinds, before, unread, now.rows)),
        unread=unread,
    )


def _warnings(
    kinds: Mapping[str, ColumnKind], before: Reference, unread: Mapping[str, Unread], rows: int
) -> Iterator[str]:
    """Columns, and shares of values, that nobody looked at."""
    whys: dict[str, list[str]] = {}
    for name, guess in kinds.items():
        if guess.unseen:
            whys.setdefault(guess.why, []).append(name)
    for why, names in whys.items():
        yield f"not looked at: {', '.join(map(repr, names))} ({why})"
    sides = (
        ("the reference", before.unread, before.profiles[Group("")].rows),
        (_SIDE, unread, rows),
    )
    for side, found, of in sides:
        for name, one in found.items():
            yield f"column {name!r} of {side}: {_unread_words(one, of)}"


def _unread_words(one: Unread, rows: int) -> str:
    examples = ", ".join(repr(word[:_SHOWN_CHARACTERS]) for word in one.examples)
    return f"{one.rows:,} of {rows:,} values are no numbers ({examples})"


def unusable(
    before: Reference, schema: pa.Schema, *, left_out: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Columns that are not there, or came as something else, and why: their values count as
    missing.
    """
    found = {}
    for name, bins in without_extremes(before.bins).items():
        if name in (left_out or {}):
            found[name] = (left_out or {})[name]
            continue
        if name not in schema.names:
            found[name] = "the current data has no such column"
            continue
        arrow_type = schema.field(name).type
        if plain_type(arrow_type) is None:
            found[name] = f"arrives as {arrow_type}, which has no categories"
        elif isinstance(bins, NumericBins) and is_time(arrow_type):
            found[name] = f"numeric in the reference, and arrives as {arrow_type}"
    return found


def _judged(
    before: Reference,
    profiles: Mapping[Group, Profile],
    settings: DriftSettings,
    odd: Mapping[str, str],
) -> list[tuple[Group, DriftVerdict]]:
    """All groups and columns, corrected together for how many were looked at; drift first."""
    empty = Profile.empty(before.bins)
    pairs = [(before.profiles.get(group, empty), one) for group, one in profiles.items()]
    places, measured = [], []
    for name, bins in before.bins.items():
        columns = [(first.columns[name], second.columns[name]) for first, second in pairs]
        measured += measure_all(name, columns, bins)
        places += list(profiles)
    usual = [before.usual.get(group, Usual()) for group in places]
    verdicts = judge(measured, settings=settings, usual=usual)
    found = [
        (group, replace(one, reason=f"{odd[name]}: {one.reason}") if name in odd else one)
        for group, one in zip(places, verdicts, strict=True)
        for name in [one.drift.column]
    ]
    return sorted(
        found,
        key=lambda pair: (
            pair[1].verdict is not Verdict.DRIFT,
            bool(pair[0].segment),
            -pair[1].drift.effect,
            pair[1].drift.column,
        ),
    )


_PLAIN = {"ks_low": "ks", "wasserstein_low": "wasserstein"}  # certain, and nearly exact


def _record(group: Group, one: DriftVerdict) -> dict[str, Any]:
    drift = one.drift
    numbers = {
        "n_reference": drift.n_reference,
        "n_current": drift.n_current,
        **{_PLAIN.get(name, name): value for name, value in drift.distances().items()},
        "p_value": drift.p_value,
        "p_adjusted": one.p_adjusted,
        "effect": drift.effect,
        **drift.growth._asdict(),
        "expected_unseen": drift.expected_unseen,
        **{f"{name}_reference": value for name, value in asdict(drift.reference).items()},
        **{f"{name}_current": value for name, value in asdict(drift.current).items()},
    }
    del numbers["rows_reference"], numbers["rows_current"]
    return {
        "name": drift.column,
        "kind": drift.kind,
        "segment": group.segment or None,
        "value": group.value if group.segment else None,
        **{k: v if v is not None and isfinite(v) else None for k, v in numbers.items()},
        "unseen": list(drift.unseen),
        "psi_band": one.psi_band,
        "verdict": str(one.verdict),
        "reason": one.reason,
    }
