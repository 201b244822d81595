"""Does the day's file look as it must, before anything is computed from it?"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.statements import stated_findings
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import UnknownColumn, did_you_mean
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.breaches import (
    Breach,
    examples,
    in_rows,
    nested_roles,
    no_times,
    retyped,
    wants_levels,
)
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.sources.rows import rows, served
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.inspection import Inspection, inspect_day
from monitoring_dagster.sources.rows.readings import is_text, time_of
from monitoring_dagster.sources.suites.broken_expectations import broken_expectations
from monitoring_dagster.sources.suites.suites import load_suite
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins
from monitoring_dagster.store.days import seen_files
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.days.usable_rows import CONTRACT, LEFT_OUT, QUIET, USABLE
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import (
    answer_columns,
    reference_of,
    role_columns,
)

_SHOWN = 3
_SEVERITY = {"critical": Severity.P1, "warning": Severity.P2, "info": Severity.P3}


@dataclass
class _Found:
    """What was found so far about one day."""

    monitor: Monitor
    day: date
    statements: list[Signal] = field(default_factory=list)
    quiet: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    usable: bool = True

    def state(
        self, kind: FindingKind, subject: str, words: str, severity: Severity | None = None
    ) -> None:
        name = f"{CONTRACT}.{kind}"
        self.statements.append(
            Signal.stating(self.day, name, subject, words, severity=severity or "")
        )

    def breach(self, one: Breach) -> None:
        self.state(FindingKind.SCHEMA_BREACH, one.subject, one.words, one.severity)
        if not one.is_judged:
            self.quiet.add(one.subject)
            if one.subject == self.monitor.spec.predictions.score:
                self.quiet |= set(answer_columns(self.monitor.spec))  # they are read off it
        if one.is_left_out:
            self.left_out.add(one.subject)


def run(monitor: Monitor, day: date) -> StepReport:
    """Inspect the day's predictions and store what breaches the contract."""
    found = _Found(monitor, day)
    count = 0
    files = seen_files.seen_on(monitor, monitor.spec.predictions, day)
    try:
        columns, unreadable = rows.schema_of(monitor.spec.predictions, day, root=monitor.root)
        _roles(found, columns, unreadable)
        if found.usable:
            count = _inspect(found, columns, unreadable)
    except rows.MissingDay as error:
        found.usable = False
        found.state(FindingKind.MISSING_DAY, "file", str(error))
    except rows.UnreadableFile as error:
        found.usable = False
        found.state(FindingKind.UNREADABLE_DATA, "file", str(error))
    except UnknownColumn as error:  # of a table, whose rows have their day from that column
        found.usable = False
        name = monitor.spec.predictions.served_at
        found.breach(Breach(name, Severity.P1, str(error), is_left_out=True))
    breaches = list(stated_findings(monitor.spec, day, found.statements))
    monitor.results.write(
        monitor.name,
        CONTRACT,
        day,
        pa.table({}),
        metadata={
            USABLE: str(int(found.usable)),
            QUIET: json.dumps(sorted(found.quiet)),
            LEFT_OUT: json.dumps(sorted(found.left_out)),
            **noted([*_counts(day, breaches, count), *found.statements]),
        },
    )
    seen_files.keep(monitor, CONTRACT, day, files)
    return _report(breaches, count)


def _counts(day: date, findings: Sequence[Finding], rows_: int) -> Iterator[Signal]:
    yield Signal.on(day, "contract.rows", rows_, n=rows_)
    for severity in Severity:
        some = [one for one in findings if one.severity is severity]
        reason = "; ".join(one.words for one in some[:_SHOWN])
        yield Signal.on(
            day, "contract.breaches", len(some), subject=str(severity), n=rows_, reason=reason
        )


def _roles(found: _Found, columns: Mapping[str, str], unreadable: Mapping[str, str]) -> None:
    """Whether every column is there that defs.yaml names."""
    log = found.monitor.spec.predictions
    for name in (
        *needed(log),
        *log.latency_ms.values(),
        *found.monitor.spec.segments,
    ):
        if name in columns:
            continue
        if name in unreadable:
            words = f"column {name!r}, which defs.yaml names, {unreadable[name]}"
        else:
            words = (
                f"the predictions of {found.day} have no column {name!r}, which defs.yaml names."
                f" {did_you_mean(name, columns)}"
            )
        found.usable = False
        found.breach(Breach(name, Severity.P1, words, is_left_out=True))


@dataclass(frozen=True)
class _Expected:
    """What one column ought to be."""

    what: str  # feature, answer, segment or latency
    kind: str  # numeric or categorical
    bins: Bins | None


def _inspect(found: _Found, columns: Mapping[str, str], unreadable: Mapping[str, str]) -> int:
    """The number of rows; what their columns, their values and the suite say is *found*."""
    monitor, day, log = found.monitor, found.day, found.monitor.spec.predictions
    references = _references(monitor, day)
    newest = references[-1] if references else None
    expected = _expected(monitor, newest)
    inspection = _looked_into(monitor, day, columns, expected)
    if not inspection.rows:
        words = f"the predictions of {day} hold no row"
        found.state(FindingKind.EMPTY_DAY, "rows", words)
        return 0
    clock = columns[log.served_at]
    found.usable = time_of("", clock) is not None
    breaches = [
        *nested_roles(log, columns),
        *_retyped(expected, columns, inspection),
        *_truths(monitor, columns, inspection),
    ]
    if not found.usable:
        breaches.append(no_times(log.served_at, arrived=clock, times=inspection.times))
    else:
        breaches += in_rows(monitor.spec, day, inspection)
    urgent: dict[str, Breach] = {}
    for breach in sorted(breaches, key=lambda one: one.severity):
        urgent.setdefault(breach.subject, breach)
    for breach in urgent.values():
        found.breach(breach)
    _suite(found)
    if newest is not None:
        others = {name for one in references for name, _ in one.features}
        _signature(found, newest, columns, unreadable, others=others)
    return inspection.rows


def _references(monitor: Monitor, day: date) -> list[Reference]:
    """Of the versions that serve and have a signature, the newest last."""
    versions = served.versions_of(monitor.spec.predictions, day, root=monitor.root)
    references = [one for one in (reference_of(monitor, name) for name in versions) if one]
    return sorted((one for one in references if one.features), key=lambda one: int(one.version))


def _expected(monitor: Monitor, newest: Reference | None) -> dict[str, _Expected]:
    """Columns whose type matters: those of defs.yaml, then those of the newest version."""
    spec, log = monitor.spec, monitor.spec.predictions
    bins = newest.bins if newest is not None else {}
    found = {name: _Expected("latency", "numeric", None) for name in log.latency_ms.values()} | {
        name: _Expected("segment", "categorical", bins.get(name)) for name in spec.segments
    }
    for name, kind in newest.features if newest is not None else ():
        found[name] = _Expected("feature", kind, bins.get(name))
    for name in role_columns(spec):
        is_number = spec.task == "regression" or name == log.score
        kind = "numeric" if is_number else "categorical"
        found[name] = _Expected("answer", kind, bins.get(name))
    return found


def _looked_into(
    monitor: Monitor, day: date, columns: Mapping[str, str], expected: Mapping[str, _Expected]
) -> Inspection:
    log = monitor.spec.predictions
    there = {name: one for name, one in expected.items() if name in columns}
    return inspect_day(
        log,
        day,
        root=monitor.root,
        sensitive=monitor.spec.sensitive,
        has_probabilities=monitor.spec.task != "regression",
        numbers=[
            name for name, one in there.items() if one.kind == "numeric" and is_text(columns[name])
        ],
        truths=[log.synthetic] if log.synthetic else [],
        blobs=[
            name
            for name, one in there.items()
            if one.kind == "categorical" and columns[name] == "BLOB"
        ],
        levels={
            name: one.bins.levels
            for name, one in there.items()
            if one.kind == "categorical"
            and isinstance(one.bins, CategoricalBins)
            and wants_levels(columns[name], one.bins)
        },
    )


def _retyped(
    expected: Mapping[str, _Expected], columns: Mapping[str, str], inspection: Inspection
) -> Iterator[Breach]:
    """Columns that arrive in another type than agreed."""
    for name, one in expected.items():
        if name in columns:
            breach = retyped(
                one.what,
                name,
                arrived=columns[name],
                kind=one.kind,
                bins=one.bins,
                odd=inspection.columns.get(name),
            )
            if breach is not None:
                yield breach


def _truths(
    monitor: Monitor, columns: Mapping[str, str], inspection: Inspection
) -> Iterator[Breach]:
    """A column of test traffic that says neither yes nor no."""
    name = monitor.spec.predictions.synthetic
    if name is not None and (odd := inspection.columns[name]).odd:
        yield Breach(
            name,
            Severity.P1,
            f"{odd.odd:,} of {odd.values:,} values of {name!r} are neither true nor false"
            f"{examples(odd.examples)}: these rows are taken for real traffic",
        )


def _signature(
    found: _Found,
    newest: Reference,
    columns: Mapping[str, str],
    unreadable: Mapping[str, str],
    *,
    others: Collection[str],
) -> None:
    """Missing, reordered and added columns are different findings; features of *others* that serve
    beside the newest version are none of them."""
    expected = dict(newest.features)
    for name in expected:
        if name in unreadable:
            words = f"feature {name!r} of version {newest.version} {unreadable[name]}"
            found.breach(Breach(name, Severity.P1, words, is_left_out=True))
        elif name not in columns:
            words = (
                f"feature {name!r} of version {newest.version} is missing."
                f" {did_you_mean(name, columns)}"
            )
            found.breach(Breach(name, Severity.P1, words))
    served = [name for name in columns if name in expected]
    ordered = [name for name in expected if name in columns]
    if served != ordered:
        first = next(name for name, other in zip(served, ordered, strict=True) if name != other)
        words = (
            f"features stand in another order than in the signature of version"
            f" {newest.version}, from {first!r} on"
        )
        found.breach(Breach("column order", Severity.P3, words))
    spec = found.monitor.spec
    log = spec.predictions
    known = {*needed(log), *log.latency_ms.values(), *spec.segments, *expected, *others}
    for name in columns:
        if name not in known:
            words = f"column {name!r} is new: neither defs.yaml nor the signature names it"
            found.breach(Breach(name, Severity.P3, words))


def _suite(found: _Found) -> None:
    """Which expectations of the suite the rows break."""
    spec, root = found.monitor.spec, found.monitor.root
    if spec.expectations is None:
        return
    suite = load_suite(root / spec.expectations)
    for breach in broken_expectations(
        suite,
        spec.predictions,
        found.day,
        root=root,
        engine=spec.engine,
        sensitive=spec.sensitive,
    ):
        subject = breach.column or breach.expectation
        found.breach(Breach(subject, _SEVERITY[breach.severity], breach.words))
    for remark in suite.remarks:
        found.breach(Breach(suite.path.name, Severity.P3, remark))


def _report(found: list[Finding], count: int) -> StepReport:
    worst = min((one.severity for one in found), default=None)
    words = "; ".join(one.words for one in found[:3]) or f"{count:,} rows keep the contract"
    if len(found) > 3:
        words += f"; and {len(found) - 3} more"
    return StepReport(
        numbers={"rows": count, "breaches": len(found)},
        checks={
            "schema": Check(
                passed=worst is None or worst > Severity.P2,
                words=words,
                tone=Tone.ERROR if worst == Severity.P1 else Tone.WARN,
            )
        },
        table=[
            {"subject": one.subject, "severity": str(one.severity), "words": one.words}
            for one in found
        ],
    )
