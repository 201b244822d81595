"""The commands about files: compare them, judge predictions, estimate without labels."""

import gc
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import click

from monitoring_dagster.cli.output import print_json, reserved
from monitoring_dagster.errors import MonitoringError

_POSITIVE = (
    "The label that counts as 1, all others as 0. By default 1 or true; of two other names the one"
    " with the higher scores, and that is said."
)


class NothingJudged(MonitoringError):
    """The rows are too few for any verdict, which is neither drift nor its absence."""

    @classmethod
    def because(cls, reason: str) -> Self:
        return cls(f"no column could be judged: {reason}")


@click.command()
@click.argument("reference")
@click.argument("current")
@click.option("--categorical", multiple=True, metavar="COLUMN", help="Take it for categories.")
@click.option("--numeric", multiple=True, metavar="COLUMN", help="Take it for numbers.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave it out.")
@click.option("--segment", multiple=True, metavar="COLUMN", help="Judge each of its values, too.")
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the reference's profile here: give it as REFERENCE from now on.",
)
@click.option("--force", is_flag=True, help="Replace the file that --keep names.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def drift(
    reference: str,
    current: str,
    categorical: tuple[str, ...],
    numeric: tuple[str, ...],
    ignore: tuple[str, ...],
    segment: tuple[str, ...],
    keep: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Say whether the rows in CURRENT drifted from those in REFERENCE.

    Both are Parquet or CSV: a file, a folder or a quoted glob. REFERENCE may also be what --keep
    wrote, or a version's reference.parquet below .monitoring/references. Exits with 0 without
    drift, with 1 with drift, with 2 on an error, and where too few rows, or ordinary days that
    differ too much in every column, allow no judgement.

    --json prints {verdict, rows, columns, left_out, unread, notes, warnings, features}: warnings
    name the columns and values that were not looked at; what is not a number is null.
    """
    from monitoring_dagster.standalone.compare import compare
    from monitoring_dagster.store.references.reference import check_keep

    given: dict[str, Any] = {
        "categorical": categorical,
        "numeric": numeric,
        "ignore": ignore,
        "segments": segment,
    }
    gc.set_threshold(50_000)  # a comparison makes many objects and few cycles
    if keep is not None:
        check_keep(keep, force=force, read=[reference, current])
    if as_json:
        with reserved():
            found = compare(reference, current, **given)
    else:
        from monitoring_dagster.standalone.show import (  # late: rich is slow
            Progress,
            show_comparison,
        )

        with Progress() as progress:
            found = compare(reference, current, **given, advance=progress.advance)
    if keep is not None:  # before it is shown: whoever reads may stop reading
        found.reference.keep(keep, force=force)
    if as_json:
        print_json(found.to_dict())
    else:
        show_comparison(found)
    if found.verdict in ("INSUFFICIENT", "MUTED"):
        raise NothingJudged.because(found.features[0][1].reason)
    sys.exit(1 if found.verdict == "DRIFT" else 0)


@click.command()
@click.argument("reference")
@click.argument("current")
@click.option("--chunk-size", type=click.IntRange(1), metavar="ROWS", help="Estimated together.")
@click.option("--by", type=click.Choice(["day"]), help="All rows of a UTC day together.")
@click.option("--label", metavar="COLUMN", help="Of REFERENCE.")
@click.option("--score", metavar="COLUMN", help="Probability of 1, or of the predicted class.")
@click.option("--prediction", metavar="COLUMN", help="By default 1 for a score of at least 0.5.")
@click.option("--time", metavar="COLUMN", help="Of CURRENT, for --by day.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="It is no feature.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option("--positive", metavar="VALUE", help=_POSITIVE)
@click.option("--json", "as_json", is_flag=True, help="One object instead of the table.")
def estimate(reference: str, current: str, as_json: bool, **given: Any) -> None:
    """Say what performance to expect in CURRENT, whose labels have not come.

    Learnt from REFERENCE, which has labels. Both are Parquet or CSV: a file, a folder or a quoted
    glob; rows are best in the order of time. Columns with plain names, such as label, score and
    prediction, are found. By default CURRENT is estimated in ten equal parts, in fewer where they
    would have less than 100 rows. Exits with 0, or with 2 on an error.

    --json prints {task, columns, features, reference: {rows, metrics}, chunks: [{from, to, rows,
    left_out, day (with --by day), shifted, method, note, metrics: {name: {estimate, low, high}}}],
    notes, warnings}: rows count from 0, both ends included; what is not defined is null. It cannot
    see concept drift.
    """
    from monitoring_dagster.standalone.estimate_table import estimate as expect

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small data threads cost more than they give
    if as_json:
        with reserved():
            found = expect(reference, current, **given)
        print_json(found.to_dict())
        return
    from monitoring_dagster.standalone.show import Progress, show_estimates  # late: slow

    with Progress("chunks estimated") as progress:
        found = expect(reference, current, **given, advance=progress.reach)
    show_estimates(found)


@click.command()
@click.argument("predictions")
@click.argument("labels")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="UTC day; by default all counts.")
@click.option("--by", multiple=True, metavar="day|hour|version|COLUMN", help="Each value, too.")
@click.option("--segment", multiple=True, metavar="COLUMN", help="As --by, whatever its name.")
@click.option("--id", metavar="COLUMN", help="Of the request, in both.")
@click.option("--time", metavar="COLUMN", help="Of PREDICTIONS: when it was served.")
@click.option("--score", metavar="COLUMN", help="Probability of 1, or of the predicted class.")
@click.option("--prediction", metavar="COLUMN")
@click.option("--version", metavar="COLUMN", help="Of PREDICTIONS: which model answered.")
@click.option("--label", metavar="COLUMN")
@click.option("--arrived", metavar="COLUMN", help="Of LABELS: when it became known.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option("--positive", metavar="VALUE", help=_POSITIVE)
@click.option(
    "--keep",
    type=click.Choice(["first", "last"]),
    default="first",
    show_default=True,
    help="Which of a request's labels counts.",
)
@click.option("--ambiguous", multiple=True, metavar="VALUE", help="A label that means: unknown.")
@click.option(
    "--mature-after",
    type=click.IntRange(0, 365),
    default=14,
    show_default=True,
    metavar="DAYS",
    help="How long labels are waited for.",
)
@click.option(
    "--expire-after",
    type=click.IntRange(0, 730),
    metavar="DAYS",
    help="Later labels change nothing; by default all count.",
)
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="With fewer labels a group is INSUFFICIENT.",
)
@click.option("--value", metavar="tp=5,fp=-1,...", help="What each outcome of a binary one brings.")
@click.option(
    "--quantile",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="LEVEL",
    help="Of a regression: its quantile loss, too.",
)
@click.option("--json", "as_json", is_flag=True, help="One object instead of the tables.")
def evaluate(
    predictions: str,
    labels: str,
    as_of: datetime | None,
    mature_after: int,
    expire_after: int | None,
    value: str | None,
    as_json: bool,
    by: tuple[str, ...],
    segment: tuple[str, ...],
    **given: Any,
) -> None:
    """Say how good the PREDICTIONS were, by those LABELS that were known at the end of a day.

    Both are Parquet or CSV: a file, a folder or a quoted glob. Columns with plain names, such as
    request_id, served_at, score, prediction, label and arrived_at, are found. Exits with 0, or with
    2 on an error, also where no label joins or no row can be judged.

    --json prints {as_of, task, columns, notes, warnings, predictions: {rows, counted, duplicate,
    invalid, later}, labels: {rows, joined, ...}, delay_days, groups: [{by, value, n, predictions,
    coverage, state, reason, metrics: {name: {value, low, high, n}}, reliability: [...]}]}: the
    whole first; what is not defined is null.
    """
    from monitoring_dagster.standalone.evaluate import evaluate as judge
    from monitoring_dagster.standalone.reading.question import value_table

    roles = ("id", "time", "score", "prediction", "version", "label", "arrived")
    given["columns"] = {role: given.pop(role) for role in roles}
    given |= {
        "as_of": as_of.date() if as_of else None,
        "by": by,
        "segments": segment,
        "mature_after_days": mature_after,
        "expire_after_days": expire_after,
        "value": value_table(value) if value is not None else None,
    }
    if as_json:
        with reserved():
            found = judge(predictions, labels, **given)
        print_json(found.to_dict())
        return
    from monitoring_dagster.standalone.show import Progress, show_evaluation  # late: slow

    with Progress() as progress:
        found = judge(predictions, labels, **given, advance=progress.advance)
    show_evaluation(found)
