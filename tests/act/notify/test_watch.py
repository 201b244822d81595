"""A receiver that is out of order is told of once an outage, by another way, and its end too."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify.drain import GRACE, drain
from monitoring_dagster.act.notify.watch import OutOfOrder, announcement_of, is_ill, watch
from monitoring_dagster.report.messages import render, to_text
from monitoring_dagster.spec.project import Notifier
from monitoring_dagster.store.ledger.deliveries import Outage, Waiting
from monitoring_dagster.store.monitor import House
from tests.act.notify.shared import LINKS, judge, spec, with_slack

ON_CALL = "email:on-call@example.org"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(tmp_path):
    return replace(House.at(tmp_path, {}), links=LINKS, notifier=Notifier(fallback=ON_CALL))


@pytest.fixture
def tick(house, clock, slack, mail):
    """What the sensor does: send, and watch; returns whether it failed."""

    def ticked(house=house, **environment):
        drain(
            house.ledger,
            links=LINKS,
            outbox=house.outbox,
            environment=with_slack(slack) | mail.environment | environment,
            clock=clock,
            sleep=clock.sleep,
        )
        try:
            watch(replace(house, as_of=clock()))
        except OutOfOrder as error:
            return str(error)
        return None

    return ticked


WRONG = {"SLACK_BOT_TOKEN": "xoxb-wrong"}


def test_an_outage_is_told_once_by_another_way_and_its_end_too(house, clock, tick, mail, caplog):
    judge(house.ledger, clock, "income")
    assert tick(**WRONG) is None, "it has not waited long enough"
    clock.moment += 16 * MINUTE
    said = tick(**WRONG)
    assert said == (
        "slack:#ml-alerts is out of order: not delivered: 1 message, the oldest for 16 min"
        " (last error: invalid_auth)"
    )
    for _ in range(5):
        clock.moment += MINUTE
        assert tick(**WRONG) is None, "once an outage, not once a tick"
    (letter,) = mail.letters
    assert letter["To"] == "on-call@example.org"
    assert "messages to slack:#ml-alerts do not arrive" in letter["Subject"]
    assert tick() is None
    clock.moment += MINUTE
    tick()
    _, end = mail.letters
    assert end["In-Reply-To"] == letter["Message-ID"]
    assert "arrive again" in end["Subject"]
    assert [one.levelno for one in caplog.records] == [logging.ERROR, logging.WARNING]


def test_another_outage_is_another_message(house, clock, tick, mail):
    for number in range(2):
        judge(house.ledger, clock, "income", model=spec(f"m{number}"))
        clock.moment += 16 * MINUTE
        assert tick(**WRONG) is not None
        tick()
        tick()
    assert [one["In-Reply-To"] is None for one in mail.letters] == [True, False, True, False]


def test_what_is_dead_is_out_of_order_at_once(house, clock, tick, slack, monkeypatch):
    monkeypatch.setattr("tests.fake_slack._invalid", lambda *_: "msg_blocks_too_long")
    judge(house.ledger, clock, "income")
    assert "refused for ever: 1 message (last error: msg_blocks_too_long)" in tick()


def test_a_fallback_that_is_out_of_order_itself_is_told_in_the_log_alone(
    house, clock, tick, mail, caplog
):
    judge(house.ledger, clock, "income", model=spec(email=["on-call@example.org"]))
    clock.moment += 16 * MINUTE
    assert ON_CALL in tick(SMTP_URL="smtp://127.0.0.1:9")
    assert mail.letters == []
    assert [one.message.partition(":")[0] for one in caplog.records] == ["email"]
    tick()
    assert len(mail.letters) == 1, "the message itself, and none about it"


def test_without_a_fallback_the_page_and_the_log_tell(house, clock, tick, caplog):
    alone = replace(house, notifier=Notifier(overdue_minutes=1))
    judge(alone.ledger, clock, "income")
    clock.moment += 2 * MINUTE
    assert tick(alone, **WRONG)
    page = (alone.outbox / "index.html").read_text()
    assert 'role="alert">slack:#ml-alerts is out of order' in page
    assert [one.levelno for one in caplog.records] == [logging.ERROR]
    tick(alone)
    assert 'role="alert"' not in (alone.outbox / "index.html").read_text()


def test_where_all_is_well_nothing_is_written(house, clock, tick):
    judge(house.ledger, clock, "income")
    assert tick() is None
    assert not house.outbox.exists()
    clock.moment += GRACE
    assert tick() is None


@pytest.mark.parametrize(
    ("minutes", "dead", "ill"),
    [
        pytest.param(None, 0, False, id="nothing waits"),
        pytest.param(15, 0, False, id="at the limit"),
        pytest.param(16, 0, True, id="beyond it"),
        pytest.param(None, 1, True, id="dead"),
    ],
)
def test_a_receiver_is_ill_by_what_waits(minutes, dead, ill):
    oldest = None if minutes is None else minutes * MINUTE
    waiting = Waiting(1, 0, dead, oldest, None)
    assert is_ill(waiting, overdue=15 * MINUTE) is ill


def test_the_announcement_names_the_receiver_and_what_waits(house, clock):
    outage = Outage("slack:#ml-alerts", clock(), "not delivered: 3 messages")
    text = to_text(
        render(announcement_of(outage, model="credit", house=house, is_over=False), LINKS)
    )
    assert text.startswith("credit: messages to slack:#ml-alerts do not arrive\n")
    assert "  - slack:#ml-alerts: not delivered: 3 messages" in text
