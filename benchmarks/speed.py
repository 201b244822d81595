"""How long does a day take, from Parquet to verdicts, beside the time to decode its columns?

Fresh processes, in turn, over the same files of 50 numeric and 10 categorical columns; the
reference's profile was kept beforehand. Prints medians: seconds, processor seconds, peak memory,
and the ratio to `pyarrow.parquet.read_table` of the same columns.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from columns import SEGMENT, VERSION, WATCHED
from fresh import CACHE, Cost, median_cost, run_fresh

ROWS = (100_000, 1_000_000, 10_000_000)
DECODE, STREAM, OURS, SPLIT = (
    "pyarrow read_table",
    "pyarrow iter_batches",
    "monitoring-dagster drift",
    "... by 10 segments and 3 versions",
)
_MOST_DECODED_ROWS = 1_000_000  # a whole table of more takes all memory
_HERE = Path(__file__).parent
_READ = "import sys, pyarrow.parquet as pq; pq.read_table(sys.argv[1], columns=sys.argv[2:])"
_ITERATE = (
    "import sys, pyarrow.parquet as pq\n"
    "for _ in pq.ParquetFile(sys.argv[1]).iter_batches(columns=sys.argv[2:]): pass"
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=ROWS)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    found: dict[int, dict[str, list[Cost]]] = {}
    for rows in given.rows:
        reference, current = written(given.cache, rows)
        found[rows] = _measured(kept(reference), current, rows, given.runs)
    print(
        f"{'rows':>10}  {'':<34}{'seconds':>8}{'CPU s':>8}{'peak MB':>9}{'x decode':>10}{'runs':>6}"
    )
    for rows, of_rows in found.items():
        for name, costs in of_rows.items():
            print(_line(rows, name, costs, of_rows))
    if given.json:
        runs = {
            rows: {name: [asdict(one) for one in costs] for name, costs in of_rows.items()}
            for rows, of_rows in found.items()
        }
        given.json.write_text(json.dumps(runs, indent=1))


def written(cache: Path, rows: int) -> tuple[Path, Path]:
    """The files of the reference and of the day, made where they are not there."""
    _, printed = run_fresh([sys.executable, _HERE / "data.py", cache / "data", str(rows)])
    reference, current = map(Path, printed.splitlines())
    return reference, current


def kept(reference: Path) -> Path:
    """The reference's profile, made anew: the code that made an older one may have changed."""
    profile = reference.with_suffix(".profile")
    keeping = [_command(), "drift", reference, reference, "--keep", profile, "--force", "--json"]
    run_fresh([*keeping, "--ignore", VERSION, "--ignore", SEGMENT])
    return profile


def ours(profile: Path, current: Path) -> list[str | Path]:
    """The command that compares a day with a kept reference; exits with 0 or 1."""
    return [_command(), "drift", profile, current, "--json"]


def _command() -> Path:
    return Path(sys.executable).with_name("monitoring-dagster")


def _measured(profile: Path, current: Path, rows: int, runs: int) -> dict[str, list[Cost]]:
    commands: Mapping[str, Sequence[str | Path]] = {
        DECODE: [sys.executable, "-c", _READ, current, *WATCHED],
        STREAM: [sys.executable, "-c", _ITERATE, current, *WATCHED],
        OURS: ours(profile, current),
        SPLIT: [sys.executable, _HERE / "split.py", profile, current],
    }
    if rows > _MOST_DECODED_ROWS:
        commands = {name: of for name, of in commands.items() if name != DECODE}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            cost, _printed = run_fresh(command, fine=[1])
            costs[name].append(cost)
    return costs


def _line(
    rows: int, name: str, costs: Sequence[Cost], of_rows: Mapping[str, Sequence[Cost]]
) -> str:
    cost = median_cost(costs)
    ratio = (
        f"{cost.seconds / median_cost(of_rows[DECODE]).seconds:.2f}" if DECODE in of_rows else ""
    )
    return (
        f"{rows:>10,}  {name:<34}{cost.seconds:>8.2f}{cost.cpu_seconds:>8.2f}{cost.peak_mb:>9.0f}"
        f"{ratio:>10}{len(costs):>6}"
    )


if __name__ == "__main__":
    main()
