"""A model whose versions promised nothing."""

import pytest

from monitoring_dagster.measure.quality import promises
from tests.measure.attribution.judged_days import RULES
from tests.tiny import monitor_of, reference


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    """Of versions that promised nothing, so that no day is breached."""
    monkeypatch.setattr(
        promises, "reference_of", lambda _, version: reference(version, baseline={"accuracy": 0.0})
    )
    return monitor_of(tmp_path, **RULES)
