"""Judge every column for each of 10 segments by 3 model versions: `split.py KEPT CURRENT`.

The same as `monitoring-dagster drift KEPT CURRENT --json`, with rows told apart by version and
segment as the daily check does.
"""

import json
import os
import sys
from pathlib import Path

from columns import SEGMENT, VERSION, VERSIONS

from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_by_columns
from monitoring_dagster.stats.drift.column_drift import measure_all
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import Verdict, judge
from monitoring_dagster.store.references.reference import Reference


def main() -> None:
    reference = Reference.kept(Path(sys.argv[1]))
    assert reference is not None
    bins, before = reference.bins, reference.profiles[Group("")]
    profiles = profile_by_columns(
        Table.at(sys.argv[2]).read,
        {str(version): bins for version in range(VERSIONS)},
        version=VERSION,
        segments=[SEGMENT],
        threads=os.cpu_count() or 1,
    )
    measured = [
        one
        for name, of in bins.items()
        for one in measure_all(
            name, [(before.columns[name], now.columns[name]) for now in profiles.values()], of
        )
    ]
    found = judge(measured, settings=DriftSettings())
    drifted = sum(one.verdict is Verdict.DRIFT for one in found)
    print(json.dumps({"features": len(bins), "judged": len(found), "drifted": drifted}))


if __name__ == "__main__":
    main()
