"""How does a peer show its verdicts?  `prepare REFERENCE KEPT`, then `judge KEPT CURRENT`.

Each peer is a script with these two verbs. `prepare` runs once and is not measured: it keeps
whatever the peer can keep of its reference. `judge` is the fresh process that is measured: it ends
with one line of JSON, how many features were judged and how many of them are said to have drifted.
"""

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path


def keep_rows(reference: Path, kept: Path) -> None:
    """What a peer keeps that can only compare rows with rows."""
    kept.symlink_to(reference.resolve())


def main(
    judge: Callable[[Path, Path], Mapping[str, bool]],
    *,
    prepare: Callable[[Path, Path], None] = keep_rows,
) -> None:
    """Do what the command line says.

    *judge* returns for each feature whether it drifted.
    """
    warnings.simplefilter("ignore")
    verb, first, second = sys.argv[1], *map(Path, sys.argv[2:])
    if verb == "prepare":
        prepare(first, second)
        return
    drifted = judge(first, second)
    print(json.dumps({"features": len(drifted), "drifted": sum(map(bool, drifted.values()))}))
