"""A destination finds its sender by its kind, and its secret in the environment alone."""

import logging

import pytest

from monitoring_dagster.act.notify.drain import Delivered
from monitoring_dagster.act.notify.receivers import Page, Receivers
from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.act.notify.senders.alertmanager import Alertmanager
from monitoring_dagster.act.notify.senders.apprise_urls import AppriseUrls
from monitoring_dagster.act.notify.senders.pagerduty import PagerDuty
from monitoring_dagster.act.notify.senders.slack import Slack
from monitoring_dagster.act.notify.senders.smtp import Smtp
from monitoring_dagster.act.notify.senders.webhook import Webhook
from tests.act.notify.shared import drained, judge, spec, with_slack
from tests.faults import Fault


def receivers(clock, **environment):
    return Receivers(environment, clock, clock.sleep)


def test_a_kind_has_one_sender_in_a_drain(clock):
    found = receivers(clock, SLACK_BOT_TOKEN="xoxb-1")
    sender = found.sender_of("slack:#a")
    assert isinstance(sender, Slack)
    assert found.sender_of("slack:#b") is sender, "one pace for all channels"


@pytest.mark.parametrize(
    ("destination", "kind"),
    [
        ("email:a@example.org", Smtp),
        ("pagerduty:PAGERDUTY_RISK", PagerDuty),
        ("alertmanager:https://example.org", Alertmanager),
        ("webhook:https://example.org/ml", Webhook),
        ("apprise:APPRISE_TEAM", AppriseUrls),
    ],
)
def test_each_kind_has_its_sender(clock, destination, kind):
    found = receivers(
        clock, SMTP_URL="smtp://mail", SMTP_FROM="ml@example.org", PAGERDUTY_RISK="k",
        MONITORING_WEBHOOK_SECRET="sixteen bytes or more", APPRISE_TEAM="json://h",
    )  # fmt: skip
    assert isinstance(found.sender_of(destination), kind)


def test_a_kind_of_a_later_version_is_refused(clock):
    with pytest.raises(Refused, match="knows no channel 'telegraph'"):
        receivers(clock).sender_of("telegraph:home")


def test_an_address_of_an_api_is_no_secret(clock):
    assert not receivers(clock, PAGERDUTY_API_URL="https://h", SLACK_API_URL="x").has_secrets
    assert receivers(clock, PAGERDUTY_RISK="k").has_secrets


def test_a_token_that_reads_alone_is_no_secret_of_a_channel(clock):
    asking = {"PAGERDUTY_API_TOKEN": "canary", "PAGERDUTY_REST_URL": "https://h"}
    assert not receivers(clock, **asking).has_secrets
    assert isinstance(receivers(clock, **asking).sender_of("slack:#a"), Page)
    assert receivers(clock, **asking, PAGERDUTY_RISK="k").has_secrets


def test_while_no_secret_is_set_the_page_takes_what_needs_one(clock):
    found = receivers(clock, SLACK_BOT_TOKEN="")
    assert not found.has_secrets
    assert isinstance(found.sender_of("slack:#a"), Page)


def test_an_address_that_is_not_safe_refuses_its_messages(ledger, clock, tmp_path):
    environment = {"SLACK_BOT_TOKEN": "xoxb-canary", "SLACK_API_URL": "http://10.0.0.7/canary"}
    judge(ledger, clock, "income")
    assert drained(ledger, clock, tmp_path, environment) == Delivered(failed=1)
    waiting = ledger.deliveries.waiting(clock())
    assert waiting.pending == 1
    assert waiting.last_error.startswith("SLACK_API_URL is no address to send a secret to")
    with pytest.raises(Refused):
        receivers(clock, **environment).sender_of("slack:#a")


@pytest.mark.parametrize("fault", [Fault.HTML_503_BEFORE, Fault.RESET_BEFORE, None])
def test_no_secret_is_in_a_log_a_repr_the_ledger_or_the_page(
    ledger, slack, clock, tmp_path, caplog, capfd, fault
):
    caplog.set_level(logging.DEBUG)
    slack.fault = lambda _: fault
    judge(ledger, clock, "income", model=spec())
    token = "xoxb-canary-but-wrong"
    environment = with_slack(slack, token)
    drained(ledger, clock, tmp_path, environment)
    drained(ledger, clock, tmp_path, {})
    shown = repr(receivers(clock, **environment))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "canary" not in "".join([caplog.text, shown, *capfd.readouterr()])
    assert b"canary" not in written
