"""How many times quicker than other libraries is a day, on the same files?

They cannot share an environment: each gets one of its own with the versions below, made once.
What a peer can keep of its reference is made beforehand and not measured, as is ours; the note says
what that is. Prints seconds and peak memory of a fresh process from Parquet on disk to a verdict a
feature, and the ratio to ours. A peer that does not run is listed with its reason.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fresh import CACHE, Cost, FailedCommand, median_cost, run_fresh
from speed import kept, ours, written

ROWS = (100_000, 1_000_000)
_SILENT = {  # no telemetry
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "HF_HUB_OFFLINE": "1",
}
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A library, the script that uses it as its documentation does, and what it needs."""

    name: str
    script: str
    environment: str
    packages: tuple[str, ...]
    note: str


_EVIDENTLY = ("evidently==0.7.23", "numpy==2.4.6", "pandas==2.3.3", "pyarrow==26.0.1")
PEERS = (
    Peer(
        "Frouros",
        "frouros.py",
        "frouros",
        ("frouros==0.9.0", "numpy==2.1.3", "pandas==2.3.3", "pyarrow==26.0.1"),
        "PSI, and chi-square for categories; detectors with the reference's rows kept",
    ),
    Peer(
        "alibi-detect",
        "alibi_detect.py",
        "alibi_detect",
        ("alibi-detect==0.13.0", "numpy==1.26.4", "pandas==2.3.3", "pyarrow==21.0.0"),
        "TabularDrift; detector with the reference's rows kept",
    ),
    Peer(
        "popmon",
        "popmon.py",
        "popmon",
        ("popmon==1.4.12", "numpy==2.4.6", "pandas==2.3.3", "pyarrow==26.0.1"),
        "stability metrics; the reference's histograms kept; none above 500 levels",
    ),
    Peer(
        "NannyML",
        "nannyml.py",
        "nannyml",
        (
            "nannyml==0.13.1",
            "numpy==2.4.6",
            "pandas==2.3.3",
            "pyarrow==26.0.1",
            "statsmodels==0.15.0",  # imported, and not among its requirements
        ),
        "univariate, its own methods and ten chunks; fitted calculator kept",
    ),
    Peer(
        "whylogs",
        "whylogs.py",
        "whylogs",
        ("whylogs[viz]==1.6.4", "numpy==1.26.4", "pandas==2.3.3", "pyarrow==21.0.0"),
        "profile and drift scores; the reference's profile kept",
    ),
    Peer("Evidently PSI", "evidently_psi.py", "evidently", _EVIDENTLY, "both files read"),
    Peer("Evidently default", "evidently.py", "evidently", _EVIDENTLY, "both files read"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One library over one number of rows."""

    name: str
    note: str
    runs: int = 0
    features: int = 0
    drifted: int = 0
    cost: Cost | None = None  # medians; None where it did not run


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=ROWS)
    arguments.add_argument("--peers", nargs="+", metavar="NAME", help="By default all.")
    arguments.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    peers = [one for one in PEERS if not given.peers or one.name in given.peers]
    found: dict[int, list[Result]] = {}
    for rows in given.rows:
        runs = 3 if rows <= 100_000 else 1
        found[rows] = _compared(peers, *written(given.cache, rows), given.cache, runs)
    for rows, results in found.items():
        _show(rows, results)
    if given.json:
        records = {rows: [asdict(one) for one in of_rows] for rows, of_rows in found.items()}
        given.json.write_text(json.dumps(records, indent=1))


def _compared(
    peers: Sequence[Peer], reference: Path, current: Path, cache: Path, runs: int
) -> list[Result]:
    """Ours and every peer's; ours before each of theirs, so that both see the same machine."""
    profile = kept(reference)
    ours_costs: list[Cost] = []
    features: list[dict[str, Any]] = []

    def run_ours() -> None:
        cost, printed = run_fresh(ours(profile, current), fine=[1])
        ours_costs.append(cost)
        features[:] = json.loads(printed)["features"]

    results = []
    for peer in peers:
        run_ours()
        results.append(_judged(peer, reference, current, cache, runs))
        print(f"{current.stem}: {results[-1]}", file=sys.stderr, flush=True)
    while len(ours_costs) < 3:
        run_ours()
    drifted = sum(one["verdict"] == "DRIFT" for one in features)
    mine = Result(
        "monitoring-dagster",
        "the reference's profile kept",
        len(ours_costs),
        len(features),
        drifted,
        median_cost(ours_costs),
    )
    return [mine, *results]


def _judged(peer: Peer, reference: Path, current: Path, cache: Path, runs: int) -> Result:
    try:
        script = [_environment(peer, cache), "-P", _HERE / "peers" / peer.script]
        silent = {**_SILENT, "PYTHONPATH": str(_HERE)}
        with tempfile.TemporaryDirectory() as folder:
            kept_by_peer = Path(folder) / "kept"
            run_fresh([*script, "prepare", reference, kept_by_peer], environment=silent)
            judge = [*script, "judge", kept_by_peer, current]
            pairs = [run_fresh(judge, environment=silent) for _ in range(runs)]
    except FailedCommand as error:
        return Result(peer.name, f"did not run: {error}")
    said = json.loads(pairs[-1][1].splitlines()[-1])
    cost = median_cost([cost for cost, _ in pairs])
    return Result(peer.name, peer.note, runs, said["features"], said["drifted"], cost)


def _environment(peer: Peer, cache: Path) -> Path:
    """The Python of the peer's own environment, made where it is not there."""
    folder = cache / "environments" / peer.environment
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(peer.packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run_fresh([sys.executable, "-m", "venv", folder])
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run_fresh([*pip, *peer.packages])
        stamp.write_text(wanted)
    return python


def _show(rows: int, results: Sequence[Result]) -> None:
    ours_cost = results[0].cost
    assert ours_cost is not None
    print(f"\n{rows:,} rows, 60 columns, 5 of them drifted")
    print(
        f"{'':<20}{'seconds':>8}{'ratio':>8}{'CPU s':>8}{'peak MB':>9}{'features':>10}"
        f"{'drifted':>9}{'runs':>6}  note"
    )
    for one in results:
        if one.cost is None:
            print(f"{one.name:<20}{one.note}")
            continue
        print(
            f"{one.name:<20}{one.cost.seconds:>8.1f}{one.cost.seconds / ours_cost.seconds:>8.1f}"
            f"{one.cost.cpu_seconds:>8.1f}{one.cost.peak_mb:>9.0f}{one.features:>10}"
            f"{one.drifted:>9}{one.runs:>6}  {one.note}"
        )


if __name__ == "__main__":
    main()
