"""A reference that promises what a test says."""

from dataclasses import replace

import pytest

from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.quality.promises import promise_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.references.version_reference import reference_of
from tests.world import START, day_after

WHOLE, LAST = Group("1"), day_after(START, 7)


@pytest.fixture
def promise(founded, monkeypatch):
    """Let the reference have registered these metrics, or have no rows that tell."""

    def said(monitor, name, *, group=WHOLE, day=LAST, registered=None, rows=True):
        found = reference_of(founded.monitor, "1")
        told = found.outcomes if rows else {}
        changed = replace(found, baseline=registered or {}, outcomes=told)
        monkeypatch.setattr(promises, "reference_of", lambda monitor, version: changed)
        return promise_of(monitor, group, name, day)

    return said
