"""The claim of benchmarks/delivery.py, on a few incidents: each arrives once, everywhere."""

import pytest

from benchmarks.delivery import MAY_DOUBLE, run


@pytest.mark.parametrize("seed", [1, 2])
def test_each_incident_arrives_once_in_every_channel_whatever_fails(seed):
    incidents = 6
    found, _, dead = run(incidents, 0.35, seed)
    assert dead == 0
    for channel, one in found.items():
        assert len(one.openings) == len(one.ends) == incidents, channel
        assert channel in MAY_DOUBLE or one.openings.total() == incidents, channel
    assert {"slack", "email", "pagerduty", "alertmanager", "webhook"} <= {*found}
