"""A clock, a ledger and a Slack on loopback."""

import pytest

from monitoring_dagster.store.ledger.ledger import Ledger
from tests.act.notify.shared import Clock
from tests.fake_receivers import FakeReceivers
from tests.fake_slack import FakeSlack
from tests.fake_smtp import FakeSmtp

LAG_SECONDS = 30


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """What goes to loopback must not go through a proxy of this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def slack(clock):
    with FakeSlack(clock=clock, history_lag_seconds=LAG_SECONDS, one_a_second=True) as server:
        yield server


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def receivers(clock):
    with FakeReceivers(clock=clock) as server:
        yield server


@pytest.fixture
def mail():
    with FakeSmtp() as server:
        yield server
