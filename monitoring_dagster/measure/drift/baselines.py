"""What is a day compared with?  Training data, the first days served, or the days before."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.spec.rules.limits import Baseline
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_from_table, profiles_to_table
from monitoring_dagster.stats.drift.usual import Usual, windows
from monitoring_dagster.store.days.profiles import PROFILE, profiles_of, service_of
from monitoring_dagster.store.days.quarantined_days import why_quarantined
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import folder_of

_USUAL = b"usual"


@dataclass(frozen=True)
class Compared:
    """One baseline as it stands on one day, by group of rows."""

    label: str
    profiles: dict[Group, Profile]
    usual: dict[Group, Usual]
    own: bool = False  # whether the bins were laid over its rows


def compared_with(
    monitor: Monitor, reference: Reference, days: Sequence[date]
) -> dict[date, list[Compared]]:
    """Every baseline of the spec as it stands on each of *days*, from stored profiles alone;
    without profiles where none lie there yet."""
    found: dict[date, list[Compared]] = {day: [] for day in days}
    for baseline in monitor.spec.rules.drift.baselines:
        for day, one in _compared(monitor, reference, days, baseline).items():
            found[day].append(one)
    return found


def _compared(
    monitor: Monitor, reference: Reference, days: Sequence[date], baseline: Baseline
) -> dict[date, Compared]:
    if baseline.kind == "training":
        training = Compared(baseline.label, reference.profiles, reference.usual, own=True)
        return dict.fromkeys(days, training)
    if baseline.kind == "frozen":
        return {day: _frozen(monitor, reference, day, baseline) for day in days}
    step = 7 if baseline.kind == "same_weekday" else 1
    back = [timedelta(days=n) for n in range(step, baseline.days + 1, step)]
    return _together(monitor, reference, baseline.label, {d: [d - n for n in back] for d in days})


def _together(
    monitor: Monitor, reference: Reference, label: str, wanted: Mapping[date, Sequence[date]]
) -> dict[date, Compared]:
    """The stored days that each day wants, of one version, added up; and what is usual for one.

    Days in quarantine are left out.
    """
    days = sorted({one for some in wanted.values() for one in some})
    place = {day: i for i, day in enumerate(days)}
    at = np.array([[place[one] for one in some] for some in wanted.values()], dtype=np.intp)
    stored = [{} if why_quarantined(monitor, day) else profiles_of(monitor, day) for day in days]
    found = {day: Compared(label, {}, {}) for day in wanted}
    groups = {group for one in stored for group in one if group.version == reference.version}
    for group in sorted(groups):
        of_group = [one.get(group, Profile()) for one in stored]
        for one, (whole, usual) in zip(
            found.values(), windows(of_group, at, reference.bins), strict=True
        ):
            if whole.rows:
                one.profiles[group], one.usual[group] = whole, usual
    return found


def _frozen(monitor: Monitor, reference: Reference, day: date, baseline: Baseline) -> Compared:
    """The first days that the version served, written down once they are over.

    What is written down is never computed again, whatever arrives later for those days: the digest
    in the label is that of its bytes.
    """
    path = folder_of(monitor, reference.version) / f"frozen_{baseline.days}.parquet"
    if not path.exists():
        first = _first_day(monitor, reference.version)
        if first is None or day < first + timedelta(days=baseline.days):
            return Compared(f"{baseline.label}, not over yet", {}, {})
        days = [first + timedelta(days=n) for n in range(baseline.days)]
        one = _together(monitor, reference, baseline.label, {day: days})[day]
        notes = {_USUAL: json.dumps([[group, asdict(of)] for group, of in one.usual.items()])}
        _write_once(profiles_to_table(one.profiles).replace_schema_metadata(notes), path)
    return _read(path, path.stat().st_mtime_ns, baseline.label)


def _first_day(monitor: Monitor, version: str) -> date | None:
    days = monitor.results.days(monitor.name, PROFILE)
    return next(
        (day for day in days if version in service_of(monitor, day).get("versions", {})), None
    )


def _write_once(table: pa.Table, path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(file.name, path)  # fails where another was quicker: its file counts
    except FileExistsError:
        pass
    finally:
        os.unlink(file.name)


@lru_cache(maxsize=64)
def _read(path: Path, _written_at: int, label: str) -> Compared:
    written = path.read_bytes()
    table = pq.ParquetFile(pa.BufferReader(written), page_checksum_verification=True).read()
    ordinary = {
        Group(*group): Usual(**found) for group, found in json.loads(table.schema.metadata[_USUAL])
    }
    digest = hashlib.sha256(written).hexdigest()[:8]
    return Compared(f"{label} ({digest})", profiles_from_table(table), ordinary)
