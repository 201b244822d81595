"""Files of a day as its steps have seen them."""

import json
from datetime import date
from typing import Any

import pyarrow as pa

from monitoring_dagster.sources.rows.fingerprints import fingerprint_of
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS, Labels, Predictions
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.days.usable_rows import CONTRACT
from monitoring_dagster.store.monitor import HOME, Monitor
from monitoring_dagster.store.results import CorruptResult, ResultStore

FILES = "files"  # metadata key: fingerprints, by what they are of
_SEEN = "seen"


def seen_on(monitor: Monitor, source: Predictions | Labels, day: date) -> str:
    """The fingerprint of a day's files, as `FILES` keeps it; to be taken before they are read."""
    return json.dumps(fingerprint_of(source, day, root=monitor.root))


def keep(monitor: Monitor, step: str, day: date, files: str) -> None:
    """Write down what *step* has read of *day*, once its result is stored.

    It lies beside the results: files that were copied are other ones of equal rows. A process that
    dies between both leaves the older fingerprint, and the day is computed again.
    """
    seen_by(monitor).write(monitor.name, step, day, pa.table({}), metadata={FILES: files})


def read_by_steps(monitor: Monitor, day: date) -> str:
    """The files of *day* that its steps have read, as `FILES` keeps what a verdict was reached by;
    to be taken before what the steps stored is."""
    steps = {name: _step_of(name) for name in sources_of(monitor)}
    read = {name: kept(monitor, step, day) for name, step in steps.items()}
    return json.dumps({name: one for name, one in read.items() if one is not None})


def sources_of(monitor: Monitor) -> dict[str, Predictions | Labels]:
    """What others write of a model and we read, by name."""
    spec = monitor.spec
    found: dict[str, Predictions | Labels] = {PREDICTIONS: spec.predictions}
    if spec.labels:
        found |= {LABELS: spec.labels}
        found |= {f"{LABELS}_{name}": one for name, one in spec.further_labels.items()}
    return found


def _step_of(name: str) -> str:
    return CONTRACT if name == PREDICTIONS else OUTCOMES + name.removeprefix(LABELS)


def kept(monitor: Monitor, step: str, day: date) -> Any:
    """The fingerprint that a step kept, or those by name that the verdict did; None without."""
    try:
        notes = seen_by(monitor).metadata(monitor.name, step, day) or {}
    except CorruptResult:
        return None
    return json.loads(notes[FILES]) if FILES in notes else None


def seen_by(monitor: Monitor) -> ResultStore:
    """Beside the results, not among them: files that were copied are other ones of equal rows."""
    return ResultStore(monitor.root / HOME / _SEEN)
