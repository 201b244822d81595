"""A signed webhook: a receiver can tell who sent it, when, and whether it came before."""

import json

import pytest

from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.act.notify.senders.webhook import Webhook, document_of, sign
from tests.act.notify.written import EVENTS, assert_golden, posting
from tests.fake_receivers import WEBHOOK_SECRET


@pytest.fixture
def hook(receivers):
    return f"webhook:{receivers.base_url}/hook"


@pytest.mark.parametrize("name", EVENTS)
def test_a_document_reads_as_it_is_kept(name):
    document = document_of(posting(name, "webhook:https://example.org/ml"))
    text = json.dumps(document, indent=2, ensure_ascii=False)
    assert_golden(f"webhook_{name}.json", f"{text}\n")


def test_a_receiver_checks_the_signature_and_drops_the_double(receivers, clock, hook):
    webhook = Webhook(WEBHOOK_SECRET, clock)
    receipts = {webhook.send(posting("first", hook)) for _ in range(2)}
    assert len(receivers.hooks) == 2
    assert list(receivers.deliveries) == [one.ts for one in receipts]
    assert receivers.refusals == []


@pytest.mark.parametrize("tampered", [b'{"test": 1}', b""])
def test_another_body_another_moment_or_another_key_is_another_signature(tampered):
    key = "a key of sixteen bytes or more"
    whole = sign(key, "id", 1_000, b'{"test": 2}')
    others = {
        sign(key, "id", 1_000, tampered),
        sign(key, "id", 1_001, b'{"test": 2}'),
        sign(key, "other", 1_000, b'{"test": 2}'),
        sign(f"{key}!", "id", 1_000, b'{"test": 2}'),
    }
    assert whole not in others
    assert len(others) == 4


@pytest.mark.parametrize("secret", ["canary", "whsec_Y2FuYXJ5", "whsec_no base64 of a canary!"])
def test_a_secret_that_is_too_short_signs_nothing(receivers, clock, hook, secret):
    with pytest.raises(Refused, match="fewer than 16 bytes") as caught:
        Webhook(secret, clock).send(posting("first", hook))
    assert "canary" not in str(caught.value) + repr(Webhook(secret, clock))
    assert receivers.requests.total() == 0


def test_what_may_have_arrived_may_be_sent_again(clock, hook):
    assert Webhook(WEBHOOK_SECRET, clock).settle(posting("first", hook)) is None
