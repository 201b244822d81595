"""Does the day's file look as it must, before anything is computed from it?"""

import re
from collections.abc import Iterator, Mapping
from datetime import date

import pyarrow as pa

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.integrations import contracts, rows
from monitoring_dagster.integrations.suites import load_suite
from monitoring_dagster.pipeline.findings import findings_table
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.reference import reference_of, role_columns
from monitoring_dagster.pipeline.step import Check, StepReport, Tone

STEP = "contract"
USABLE = "usable"  # metadata key: can the rows be counted at all?
_NUMERIC = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$|FLOAT|DOUBLE|DECIMAL")
_SEVERITY = {"critical": Severity.P1, "warning": Severity.P2, "info": Severity.P3}


def run(monitor: Monitor, day: date) -> StepReport:
    """Inspect the day's predictions and store what breaches the contract."""
    found: list[Finding] = []
    count = 0
    usable = True
    try:
        columns = rows.columns_of(monitor.spec.predictions, day, root=monitor.root)
        missing = list(_missing_roles(monitor, day, columns))
        found += missing
        usable = not missing
        if usable:
            count, broken = _inspect_rows(monitor, day, columns)
            found += broken
            if count:
                found += _signature(monitor, day, columns)
            else:
                found.append(
                    _finding(
                        monitor,
                        day,
                        FindingKind.EMPTY_DAY,
                        "rows",
                        Severity.P1,
                        f"the predictions of {day} hold no row",
                    )
                )
    except rows.MissingDay as error:
        usable = False
        found.append(
            _finding(monitor, day, FindingKind.MISSING_DAY, "file", Severity.P1, str(error))
        )
    except rows.UnreadableFile as error:
        usable = False
        found.append(
            _finding(monitor, day, FindingKind.UNREADABLE_DATA, "file", Severity.P1, str(error))
        )
    monitor.results.write(
        monitor.name, STEP, day, findings_table(found), metadata={USABLE: str(int(usable))}
    )
    return _report(found, count)


def quiet_columns(monitor: Monitor, day: date) -> frozenset[str]:
    """Columns whose breach was told already: their drift says nothing new."""
    table = monitor.results.read(monitor.name, STEP, day)
    return frozenset(table["subject"].to_pylist()) if table is not None else frozenset()


def is_usable(monitor: Monitor, day: date) -> bool:
    """Whether the day's rows can be counted; true where the contract was never inspected."""
    return (monitor.results.metadata(monitor.name, STEP, day) or {}).get(USABLE, "1") == "1"


def _missing_roles(monitor: Monitor, day: date, columns: Mapping[str, str]) -> Iterator[Finding]:
    log = monitor.spec.predictions
    for name in (
        log.request_id,
        log.served_at,
        log.version,
        log.prediction,
        log.score,
        log.status,
        log.synthetic,
        *log.latency_ms.values(),
        *monitor.spec.segments,
    ):
        if name is not None and name not in columns:
            yield _finding(
                monitor,
                day,
                FindingKind.SCHEMA_BREACH,
                name,
                Severity.P1,
                f"the predictions of {day} have no column {name!r}, which defs.yaml names."
                f" {did_you_mean(name, columns)}",
            )


def _signature(monitor: Monitor, day: date, columns: Mapping[str, str]) -> Iterator[Finding]:
    """Missing, retyped, reordered and added columns are four different findings."""
    spec, log = monitor.spec, monitor.spec.predictions
    versions = rows.versions_of(log, day, root=monitor.root)
    references = [one for one in (reference_of(monitor, name) for name in versions) if one]
    if not references:
        return
    newest = max(references, key=lambda one: int(one.version))
    expected = dict(newest.features)
    for name in role_columns(spec):
        is_number = spec.task == "regression" or name == log.score
        if is_number and kind_of(columns[name]) != "numeric":
            yield _finding(
                monitor,
                day,
                FindingKind.SCHEMA_BREACH,
                name,
                Severity.P1,
                f"answer {name!r} should be numeric and arrived as {columns[name]}",
            )
    for name, kind in expected.items():
        if name not in columns:
            yield _finding(
                monitor,
                day,
                FindingKind.SCHEMA_BREACH,
                name,
                Severity.P1,
                f"feature {name!r} of version {newest.version} is missing."
                f" {did_you_mean(name, columns)}",
            )
        elif kind_of(columns[name]) != kind:
            yield _finding(
                monitor,
                day,
                FindingKind.SCHEMA_BREACH,
                name,
                Severity.P1,
                f"feature {name!r} should be {kind} and arrived as {columns[name]}",
            )
    served = [name for name in columns if name in expected]
    ordered = [name for name in expected if name in columns]
    if served != ordered:
        first = next(name for name, other in zip(served, ordered, strict=True) if name != other)
        yield _finding(
            monitor,
            day,
            FindingKind.SCHEMA_BREACH,
            "column order",
            Severity.P3,
            f"features stand in another order than in the signature of version"
            f" {newest.version}, from {first!r} on",
        )
    known = {
        log.request_id,
        log.served_at,
        log.version,
        log.prediction,
        log.score,
        log.status,
        log.synthetic,
        *log.latency_ms.values(),
        *spec.segments,
        *expected,
    }
    for name in columns:
        if name not in known:
            yield _finding(
                monitor,
                day,
                FindingKind.SCHEMA_BREACH,
                name,
                Severity.P3,
                f"column {name!r} is new: neither defs.yaml nor the signature names it",
            )


def _inspect_rows(
    monitor: Monitor, day: date, columns: Mapping[str, str]
) -> tuple[int, list[Finding]]:
    """How many rows there are, and which of them break the expectation suite."""
    spec = monitor.spec
    names = list(columns) if spec.expectations else [spec.predictions.request_id]
    batches = rows.read_batches(spec.predictions, day, root=monitor.root, columns=names)
    parts = [batch for batch in batches if batch.num_rows]
    count = sum(part.num_rows for part in parts)
    if spec.expectations is None or not count:
        return count, []
    frame = pa.Table.from_batches(parts).to_pandas()
    suite = load_suite(monitor.root / spec.expectations)
    return count, [
        _finding(monitor, day, FindingKind.SCHEMA_BREACH, breach.column or breach.expectation,
                 _SEVERITY[breach.severity], breach.words)
        for breach in contracts.validate(suite, frame)
    ] + [
        _finding(monitor, day, FindingKind.SCHEMA_BREACH, suite.path.name, Severity.P3, remark)
        for remark in suite.remarks
    ]  # fmt: skip


def kind_of(duckdb_type: str) -> str:
    """What a column of this DuckDB type is to a model.

    >>> kind_of("DOUBLE"), kind_of("DECIMAL(18,3)"), kind_of("VARCHAR"), kind_of("BOOLEAN")
    ('numeric', 'numeric', 'categorical', 'categorical')
    """
    return "numeric" if _NUMERIC.match(duckdb_type) else "categorical"


def _finding(
    monitor: Monitor, day: date, kind: FindingKind, subject: str, severity: Severity, words: str
) -> Finding:
    return Finding(monitor.name, day, kind, subject, severity, words, STEP)


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
