"""What a replay did, as a script reads it."""

import json
from dataclasses import asdict
from datetime import date

from monitoring_dagster.cli.output import print_json
from monitoring_dagster.demo.summary import Summary


def test_it_is_plain_values_by_name(capsys):
    one = Summary(
        model="tiny", first=date(2026, 1, 1), last=date(2026, 3, 1), days=60, rows=9, labelled=8,
        findings=7, incidents=6, retrainings=5, promotions=4, champion="2", metric="brier",
        quality={"1": 0.25, "2": float("nan")},
    )  # fmt: skip
    print_json([asdict(one)])
    assert json.loads(capsys.readouterr().out) == [{
        "model": "tiny", "first": "2026-01-01", "last": "2026-03-01", "days": 60, "rows": 9,
        "labelled": 8, "findings": 7, "incidents": 6, "retrainings": 5, "promotions": 4,
        "champion": "2", "metric": "brier", "quality": {"1": 0.25, "2": None},
    }]  # fmt: skip
