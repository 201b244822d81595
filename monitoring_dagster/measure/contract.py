"""Does the day's file look as it must, before anything is computed from it?"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.delivery.quarantine import odd_deliveries
from monitoring_dagster.decide.judging.statements import stated_findings
from monitoring_dagster.decide.judging.traffic import Traffic
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
from monitoring_dagster.measure.delivery_signals import (
    delivery_signals,
    incomplete_log,
    synthetic_leak,
)
from monitoring_dagster.measure.deployed_code import deployment_signals, unlogged
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.measure.version_contracts import (
    ExpectedColumn,
    expected_columns,
    served_versions,
    signature_breaches,
)
from monitoring_dagster.sources.inspection.inspection import Inspection, inspect_day
from monitoring_dagster.sources.rows import rows, served
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.readings import is_text, time_of
from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.sources.suites.broken_expectations import broken_expectations
from monitoring_dagster.sources.suites.suites import load_suite
from monitoring_dagster.stats.columns.bins import CategoricalBins
from monitoring_dagster.store.days import seen_files
from monitoring_dagster.store.days.champions import traffic_among
from monitoring_dagster.store.days.quarantined_days import why_quarantined
from monitoring_dagster.store.days.signals import StoredSignals, noted
from monitoring_dagster.store.days.usable_rows import (
    CONTRACT,
    LEFT_OUT,
    QUIET,
    USABLE,
    noted_deployments,
)
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import answer_columns

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
    deployments: list[Deployment] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)  # rows of those that are known

    def state(self, kind: FindingKind, subject: str, words: str, **fields: object) -> None:
        name = f"{CONTRACT}.{kind}"
        self.statements.append(Signal.stating(self.day, name, subject, words, **fields))

    def breach(self, one: Breach) -> None:
        about = {"severity": one.severity, "version": one.version}
        self.state(FindingKind.SCHEMA_BREACH, one.subject, one.words, **about)
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
    breaches = [*stated_findings(monitor.spec, day, found.statements, _traffic(found))]
    monitor.results.write(
        monitor.name,
        CONTRACT,
        day,
        pa.table({}),
        metadata={
            USABLE: str(int(found.usable)),
            QUIET: json.dumps(sorted(found.quiet)),
            LEFT_OUT: json.dumps(sorted(found.left_out)),
            **noted_deployments(found.deployments),
            **noted([*_counts(day, breaches, count), *found.statements]),
        },
    )
    seen_files.keep(monitor, CONTRACT, day, files)
    breaches += odd_deliveries(monitor.spec, day, StoredSignals(monitor, day))
    return _report(breaches, count, why_quarantined(monitor, day))


def _traffic(found: _Found) -> Traffic | None:
    """Who served, where something is said of one version alone."""
    if not any(one.version for one in found.statements):
        return None
    return traffic_among(found.monitor, found.day, found.versions)


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
        *log.measured,
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


def _inspect(found: _Found, columns: Mapping[str, str], unreadable: Mapping[str, str]) -> int:
    """The number of rows; what their columns, their values and the suite say is *found*."""
    monitor, day, log = found.monitor, found.day, found.monitor.spec.predictions
    versions = served_versions(monitor, day)
    signed = [one for one in versions if one.features]
    expected = expected_columns(monitor.spec, signed)
    inspection = _looked_into(monitor, day, columns, expected)
    if not inspection.rows:
        words = f"the predictions of {day} hold no row"
        found.state(FindingKind.EMPTY_DAY, "rows", words)
        return 0
    clock = columns[log.served_at]
    found.usable = time_of("", clock) is not None
    found.statements += delivery_signals(day, inspection)
    found.statements += synthetic_leak(day, log, inspection)
    breaches = [
        *nested_roles(log, columns),
        *_retyped(expected, columns, inspection),
        *_truths(monitor, columns, inspection),
    ]
    if not found.usable:
        breaches.append(no_times(log.served_at, arrived=clock, times=inspection.times))
    else:
        breaches += in_rows(monitor.spec, day, inspection)
        breaches += incomplete_log(log, inspection, breaches)
    urgent: dict[str, Breach] = {}
    for breach in sorted(breaches, key=lambda one: one.severity):
        urgent.setdefault(breach.subject, breach)
    for breach in urgent.values():
        found.breach(breach)
    _suite(found)
    for breach in (
        *signature_breaches(monitor.spec, signed, columns, unreadable),
        *unlogged(log, day, columns, unreadable),
    ):
        found.breach(breach)
    found.deployments = served.deployments_of(log, day, root=monitor.root, columns=columns)
    found.statements += deployment_signals(
        monitor, day, versions, found.deployments, columns=columns
    )
    found.versions = {one.name: one.rows for one in versions}
    return inspection.rows


def _looked_into(
    monitor: Monitor,
    day: date,
    columns: Mapping[str, str],
    expected: Sequence[ExpectedColumn],
) -> Inspection:
    log = monitor.spec.predictions
    there = [one for one in expected if one.name in columns]
    return inspect_day(
        log,
        day,
        root=monitor.root,
        sensitive=monitor.spec.sensitive,
        has_probabilities=monitor.spec.task != "regression",
        numbers=[one.name for one in there if one.kind == "numeric" and is_text(columns[one.name])],
        truths=[log.synthetic] if log.synthetic else [],
        blobs=[
            one.name for one in there if one.kind == "categorical" and columns[one.name] == "BLOB"
        ],
        levels={
            one.name: one.bins.levels
            for one in there
            if one.kind == "categorical"
            and isinstance(one.bins, CategoricalBins)
            and wants_levels(columns[one.name], one.bins)
        },
    )


def _retyped(
    expected: Sequence[ExpectedColumn], columns: Mapping[str, str], inspection: Inspection
) -> Iterator[Breach]:
    """Columns that arrive in another type than agreed."""
    for one in expected:
        if one.name in columns:
            breach = retyped(
                one.what,
                one.name,
                arrived=columns[one.name],
                kind=one.kind,
                bins=one.bins,
                odd=inspection.columns.get(one.name),
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


def _report(found: list[Finding], count: int, quarantined: str) -> StepReport:
    worst = min((one.severity for one in found), default=None)
    words = "; ".join(one.words for one in found[:3]) or f"{count:,} rows keep the contract"
    if len(found) > 3:
        words += f"; and {len(found) - 3} more"
    if quarantined:
        words += (
            f". Day quarantined ({quarantined}): no training and no baseline reads it until it is"
            " delivered anew and passes"
        )
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
