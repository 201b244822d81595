"""Library of source days: what the product's own steps say of each, measured once and kept.

It lies below the system's temporary folder, under the digest of the code that measures.
"""

import hashlib
import inspect
import json
import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import track

from benchmarks.drawn_models import CHECKOUT, Source, SourceDay, moved, source_of, spec_of
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.daily.workers import cores
from monitoring_dagster.demo.fake_service import write_day
from monitoring_dagster.measure.quality import arrived_labels
from monitoring_dagster.measure.quality.counting import counted, counted_columns
from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.sources.labels.labels import join_labels
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.known_labels import (
    ACCOUNT,
    BY_DAY,
    OUTCOMES,
)
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.monitor import HOME, House, Monitor
from monitoring_dagster.store.references.version_reference import reference_of

QUIET = "quiet"
ROW_STEPS = ("contract", "profile", "drift", "estimate")
APART = 28  # days between two source days of a library, so that their labels never meet
_SERVED, _MARKER = "served.pickle", "measured"
# What a stored number hangs on; and what the verdict alone asks, which may change without it.
_MEASURING = (
    "stats/", "sources/", "spec/", "measure/", "store/", "demo/flights.py", "demo/fake_service.py",
    "act/retraining/training.py", "decide/signal.py", "decide/judging/drift_severity.py",
    "kinds.py",
)  # fmt: skip
_JUDGING = (
    "spec/rules/", "store/ledger/", "measure/review/", "measure/quality/quality_as_known.py",
    "measure/quality/known_quality.py", "measure/quality/evaluation.py",
    "measure/attribution/",
)  # fmt: skip

Change = Callable[[SourceDay, Source], SourceDay]


@dataclass(frozen=True)
class Variant:
    """Source days as something makes of them; nothing, where they are as they were."""

    name: str
    change: Change | None = None
    changes_rows: bool = True
    changes_labels: bool = True  # or what they are joined to

    @property
    def digest(self) -> str:
        """Of the file that says what it does, and of what that is told."""
        change = self.change
        told = str(getattr(change, "keywords", ""))
        code = Path(inspect.getfile(getattr(change, "func", change))) if change else None
        written = code.read_bytes() if code else b""
        return hashlib.sha256(written + told.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Library:
    """Source days of one model, and what the steps said of each, in one or more variants."""

    root: Path
    model: str

    @property
    def base(self) -> Path:
        return self.root / "base"

    @cached_property
    def days(self) -> list[date]:
        return [
            date.fromisoformat(one) for one in json.loads((self.base / "days.json").read_text())
        ]

    def monitor(self, spec: ModelSpec, variant: str) -> Monitor:
        return house_at(self.root / variant, self.base).monitor(spec)

    def place_of(self, day: date) -> date:
        """Under which date a source day lies here; it is the same day of the week."""
        behind = len(self.days) - self.days.index(day)
        return day - timedelta(days=APART * behind)

    def holds(self, variant: Variant) -> bool:
        """Whether a variant was measured whole, and as it is now."""
        marker = self.root / variant.name / _MARKER
        return marker.exists() and marker.read_text() == variant.digest

    def has(self, variant: str, step: str) -> bool:
        """Whether a variant has results of its own; else those of quiet days are its."""
        return (self.root / variant / HOME / "results" / self.model / step).exists()


def library_of(
    name: str,
    rules: Mapping[str, Any],
    variants: Iterable[Variant] = (),
    *,
    console: Console | None = None,
) -> Library:
    """The library of a model with these variants; what is not there yet is measured now."""
    spec = spec_of(name, rules)
    library = Library(
        Path(tempfile.gettempdir()) / "monitoring_dagster_years" / f"{name}-{_key(spec)}", name
    )
    wanted = [Variant(QUIET), *(one for one in variants if one.name != QUIET)]
    missing = [one for one in wanted if not library.holds(one)]
    if not missing:
        return library
    source = source_of(name, rules)
    days = _base(library, source)
    for one in missing:
        _measure(library, source, one, days, console)
    return library


def _key(spec: ModelSpec) -> str:
    """What the stored numbers hang on: the code that measures, and what it is asked to."""
    digest = hashlib.sha256()
    package = CHECKOUT / "monitoring_dagster"
    within = {str(one.relative_to(package)): one for one in sorted(package.rglob("*.py"))}
    files = [
        path
        for name, path in within.items()
        if name.startswith(_MEASURING) and not name.startswith(_JUDGING)
    ]
    own = (Path(__file__), Path(__file__).with_name("drawn_models.py"))
    for path in [*files, *sorted((CHECKOUT / "assets").rglob("*.py")), *own]:
        digest.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    asked = spec.model_dump(mode="json")
    rules = asked.pop("rules")
    asked |= {"drift": rules["drift"], "metrics judged": [*spec.tolerances],
              "segments judged": {column: {value: [*of] for value, of in values.items()}
                                  for column, values in spec.rules.segments.items()}}  # fmt: skip
    digest.update(json.dumps(asked, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def house_at(root: Path, base: Path) -> House:
    (root / HOME).mkdir(parents=True, exist_ok=True)
    return House.at(root, {"MLFLOW_TRACKING_URI": f"sqlite:///{base / HOME / 'mlflow.db'}"})


def source_days(library: Library) -> list[SourceDay]:
    """The days of a library as they were served."""
    found: list[SourceDay] = pickle.loads((library.base / _SERVED).read_bytes())
    return found


def _base(library: Library, source: Source) -> list[SourceDay]:
    """Both versions registered, and the source days as they were served; made where missing."""
    served = library.base / _SERVED
    if not served.exists():
        shutil.rmtree(library.base, ignore_errors=True)
        monitor = house_at(library.base, library.base).monitor(source.spec)
        models = source.begin(monitor)
        for version in ("1", "2"):
            assert reference_of(monitor, version) is not None, "it was just registered"
        (library.base / "days.json").write_text(json.dumps([str(one) for one in source.days]))
        days = [source.day(day, model) for day, model in zip(source.days, models, strict=True)]
        served.with_suffix(".new").write_bytes(pickle.dumps(days))
        served.with_suffix(".new").rename(served)
    return source_days(library)


def _measure(
    library: Library,
    source: Source,
    variant: Variant,
    days: Sequence[SourceDay],
    console: Console | None,
) -> None:
    """Every source day of one variant, shared among the cores."""
    root = library.root / variant.name
    shutil.rmtree(root, ignore_errors=True)
    monitor = library.monitor(source.spec, variant.name)
    (root / HOME / "references").symlink_to(library.base / HOME / "references")
    (root / "expectations").symlink_to(CHECKOUT / "expectations")
    measure = partial(_measured, library, monitor, replace(source, rows=None), variant)
    with ProcessPoolExecutor(cores(), initializer=alone) as pool:
        each_day = track(
            pool.map(measure, days), f"{library.model}: measuring {variant.name}", len(days),
            console=console, disable=console is None or not console.is_terminal, transient=True,
        )  # fmt: skip
        for _ in each_day:
            pass
    for folder in ("seen", "data"):
        shutil.rmtree(root / HOME / folder, ignore_errors=True)
    (root / _MARKER).write_text(variant.digest)


def _measured(
    library: Library, monitor: Monitor, source: Source, variant: Variant, one: SourceDay
) -> None:
    changed = variant.change(one, source) if variant.change else one
    place = library.place_of(one.day)
    changed = moved_day(changed, (place - one.day).days)
    assert monitor.spec.predictions.path is not None
    write_day(monitor.root / monitor.spec.predictions.path.format(day=place), changed.served)
    for name in ROW_STEPS if variant.changes_rows else ():
        next(step for step in STEPS if step.name == name).run(monitor, place)
    if variant.changes_labels and monitor.spec.labels is not None:
        _measure_labels(monitor, changed, place)


def _measure_labels(monitor: Monitor, one: SourceDay, place: date) -> None:
    """What arrives of one day's labels, by the day of arrival, as its step stores it.

    What comes while it is waited for is joined at once, and told apart afterwards: to the product
    it is all the same, and a join takes as long for one label as for a thousand.
    """
    labels = labels_of(monitor.spec)
    wait, (arrivals, arrived) = labels.mature_after_days, arrivals_of(one.labels)
    waited = [arrival for arrival in arrivals if (arrival - place).days <= wait]
    later = [[arrival] for arrival in arrivals if arrival not in waited]
    for together in [waited, *later] if waited else later:
        at = place + timedelta(days=wait) if together is waited else together[0]
        some = one.labels.filter(pc.is_in(arrived, pa.array(together, pa.date32())))
        assert labels.path is not None
        path = monitor.root / labels.path.format(day=at)
        write_day(path, some)
        joined, account = join_labels(
            monitor.spec, at, root=monitor.root, extras=counted_columns(monitor.spec)
        )
        path.unlink()
        _store_apart(monitor, one, place, some, joined, account)


def _store_apart(
    monitor: Monitor,
    one: SourceDay,
    place: date,
    labels: pa.Table,
    joined: pa.Table,
    account: LabelAccount,
) -> None:
    """Outcomes and account of each arrival day, of labels that were joined together."""
    arrivals, arrived = arrivals_of(labels)
    day_of = dict(zip(labels["request_id"].to_pylist(), arrived.to_pylist(), strict=True))
    came = pa.array([day_of[id_] for id_ in joined["request_id"].to_pylist()], pa.date32())
    place_of_day = joined.column_names.index("day")
    by_arrival = counted(monitor.spec, joined.set_column(place_of_day, "day", came))
    accounts = {arrivals[0]: account}
    if len(arrivals) > 1:
        served = {*one.served["request_id"].to_pylist()}
        accounts = _accounts(day_of, {*joined["request_id"].to_pylist()}, served, account)
    joined_on = Counter(came.to_pylist())
    for arrival, own in accounts.items():
        found = {
            (place, group): outcomes
            for (day, group), outcomes in by_arrival.items()
            if day == arrival
        }
        by_day = {str(place): joined_on[arrival]} if joined_on[arrival] else {}
        notes = asdict(own) | {BY_DAY: by_day} | arrived_labels._said_by(found)
        monitor.results.write(
            monitor.name,
            OUTCOMES,
            arrival,
            outcomes_to_table(found),
            metadata={ACCOUNT: json.dumps(notes), **noted([])},
        )


def _accounts(
    day_of: Mapping[str, date], joined: set[str], served: set[str], whole: LabelAccount
) -> dict[date, LabelAccount]:
    """The account of each arrival day, of labels that nobody waited for too long."""
    buckets: dict[date, Counter[str]] = {day: Counter() for day in sorted({*day_of.values()})}
    nowhere = "orphan" if whole.orphan else "pending"
    for id_, day in day_of.items():
        bucket = "joined" if id_ in joined else "uncounted" if id_ in served else nowhere
        buckets[day].update(["rows", bucket])
    found = {day: LabelAccount(**{"rows": 0, **of}) for day, of in buckets.items()}
    counts = [one.name for one in fields(LabelAccount) if one.type in ("int", int)]
    differing = [
        name
        for name in counts
        if sum(getattr(one, name) for one in found.values()) != getattr(whole, name)
    ]
    assert not differing, f"labels were told apart wrongly: {differing}"
    return found


def arrivals_of(labels: pa.Table) -> tuple[list[date], pa.ChunkedArray]:
    arrived = labels["arrived_at"].cast(pa.timestamp("us")).cast(pa.date32())
    return sorted(pc.unique(arrived).to_pylist()), arrived


def moved_day(one: SourceDay, days: int) -> SourceDay:
    return replace(one, served=moved(one.served, days), labels=moved(one.labels, days))


def alone() -> None:
    """Of a process among others that keep every core busy: it needs no threads of its own."""
    pa.set_cpu_count(1)
