"""Evidently's drift preset with PSI for every column; both files are read."""

import runpy
from pathlib import Path

from evidently.presets import DataDriftPreset
from judging import main

_as_it_comes = runpy.run_path(str(Path(__file__).with_name("evidently.py")))


def judge(reference: Path, current: Path) -> dict[str, bool]:
    return _as_it_comes["drifted"](DataDriftPreset(method="psi"), reference, current)


if __name__ == "__main__":
    main(judge)
