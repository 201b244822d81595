"""Versions side by side."""

from datetime import date

from monitoring_dagster.measure.attribution.attribution import run
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_to_table
from tests.measure.attribution.judged_days import LAST, lived
from tests.tiny import DAY, keep


def test_drift_and_latency_stand_beside_a_version(monitor):
    lived(monitor, lambda _: {("2", "DE"): (400, 0.8)})
    service = {"rows": 400, "counted": 400, "versions": {"2": 400},
               "latency_ms": {"total": {"p50": 5.0, "p99": 40.0}}}  # fmt: skip
    keep(
        monitor, "profile", LAST, rows=profiles_to_table({Group("2"): Profile(400)}),
        service=service,
    )  # fmt: skip
    psi = [{"version": "2", "segment": "", "column": name, "psi": one}
           for name, one in (("age", 0.3), ("debt", 0.01))]  # fmt: skip
    keep(monitor, "drift", LAST, rows=psi)
    run(monitor, LAST)
    (row,) = (
        one
        for one in monitor.results.read("tiny", "attribution", LAST).to_pylist()
        if one["dimension"] == "version"
    )
    assert (row["psi"], row["drifted_most"], row["latency_p99_ms"]) == (0.3, "age", 40.0)
    assert (row["first_seen"], row["last_seen"]) == (DAY, date(2026, 3, 31))
