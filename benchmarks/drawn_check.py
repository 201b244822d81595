"""Check of composed days: the same rows, written as files and run through every step."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.drawn_library import (
    ROW_STEPS,
    Library,
    Variant,
    arrivals_of,
    moved_day,
    source_days,
)
from benchmarks.drawn_models import CHECKOUT, SourceDay, source_of
from benchmarks.drawn_years import Year, drawn_days, first_of, heard, lived, scratch
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.demo.fake_service import write_day
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.days.step_findings import VERDICT


def compared(
    library: Library, rules: Mapping[str, Any], variant: Variant, *, days: int, seed: int
) -> list[str]:
    """Where a composed stretch differs from the same rows written as files and run through every
    step: findings, incidents and messages; empty where all are the same."""
    source = source_of(library.model, rules)
    of_day = {one.day: one for one in source_days(library)}
    first = first_of(library)
    drawn = drawn_days(library.days, first=first, days=days, rng=np.random.default_rng(seed))
    with scratch() as one, scratch() as other:
        years = [
            Year(Path(folder), source.spec, library, first, drawn, lambda _: variant.name)
            for folder in (one, other)
        ]
        composed, written = years
        lived(composed, range(days))
        (written.root / "expectations").symlink_to(CHECKOUT / "expectations")
        changed = {
            day: variant.change(one, source) if variant.change else one
            for day, one in of_day.items()
            if day in drawn
        }
        _write_all(written, [changed[day] for day in drawn])
        for number in range(days):
            monitor = written.monitor(number)
            for step in STEPS:
                if step.name in (*ROW_STEPS, OUTCOMES, VERDICT):
                    step.run(monitor, written.day(number))
        said = [
            {
                "findings": [
                    replace(one, words=_EXAMPLES.sub("", one.words))
                    for one in year.house.ledger.findings(library.model, first, year.day(days))
                ],
                "incidents": year.house.ledger.incidents(library.model),
                "messages": heard(year.house),
            }
            for year in years
        ]
    number = len(said[0]["findings"])
    if not number:
        return ["nothing was found in the stretch, and so nothing compared: take a longer one"]
    return [
        f"{what}: only {where} {one}"
        for what in said[0]
        for where, some, others in (
            ("composed", said[0][what], said[1][what]),
            ("from files", said[1][what], said[0][what]),
        )
        for one in some
        if one not in others
    ]


# A composed day has no requests, and so none that words could name.
_EXAMPLES = re.compile(r"\. \S+ names requests such as .*")


def _write_all(year: Year, served: Sequence[SourceDay]) -> None:
    """The files of a year whose days are these: requests have new ids, labels come as late."""
    monitor = year.monitor(0)
    spec = year.spec
    assert spec.predictions.path is not None
    assert spec.labels is not None
    assert spec.labels.path is not None
    labels = []
    for number, one in enumerate(served):
        day = year.day(number)
        later = moved_day(one, (day - one.day).days)
        table, told = (_renamed(some, number) for some in (later.served, later.labels))
        write_day(monitor.root / spec.predictions.path.format(day=day), table)
        labels.append(told)
    whole = pa.concat_tables(labels)
    _, arrived = arrivals_of(whole)
    for number in range(len(served)):
        day = year.day(number)
        some = whole.filter(pc.equal(arrived, pa.scalar(day, pa.date32())))
        write_day(monitor.root / spec.labels.path.format(day=day), some)


def _renamed(table: pa.Table, number: int) -> pa.Table:
    ids = pc.binary_join_element_wise(str(number), table["request_id"], "/")
    return table.set_column(table.column_names.index("request_id"), "request_id", ids)
