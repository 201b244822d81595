"""A backfill of days long over: incidents move as ever, and people get one digest at most."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitoring_dagster.act.notify.drain import Delivered, drain, entries
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.report.links import Links
from monitoring_dagster.report.messages import render, to_text
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.turns import last_week, mark_week
from tests import fork_server
from tests.fake_slack import TOKEN, FakeSlack

DAY = date(2026, 1, 5)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LINKS = Links("http://127.0.0.1:3000", "http://127.0.0.1:5000")
SPEC = ModelSpec(
    name="credit",
    owner="team:risk",
    task="binary",
    predictions=Predictions(path="{day}.parquet"),
    channels=Channels(clear_after_days=1),
)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def judged(ledger, *days, first=0, history=True, at=NOW):
    """Judge one day after another; a day is its subjects, ``age:P3`` with a severity."""
    for number, words in enumerate(days, start=first):
        day = DAY + timedelta(days=number)
        findings = []
        for word in words.split():
            subject, _, severity = word.partition(":")
            findings.append(
                Finding("credit", day, FindingKind.FEATURE_DRIFT, subject,
                        Severity(severity or "P2"), f"{subject} drifts, PSI 0.31", "drift")
            )  # fmt: skip
        morning = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(days=1)
        ledger.record_day(SPEC, day, findings, now=morning, history_at=at if history else None)
    return {DAY + timedelta(days=number) for number in range(first, first + len(days))}


def backfilled(ledger, *days, first=0):
    """What one run over history does: its days in order, and the digest at its end."""
    at = NOW + timedelta(minutes=first)
    return ledger.announce_history(SPEC, judged(ledger, *days, first=first, at=at), now=at)


def sent(ledger):
    """What a sender takes now, in order."""
    taken = []
    while delivery := ledger.deliveries.claim(now=NOW):
        ledger.deliveries.mark_sent(delivery, channel="C1", ts=str(len(taken)), now=NOW)
        taken.append(delivery)
    return taken


def states(ledger):
    return [replace(incident, told=None) for incident in ledger.incidents()]


def test_history_moves_the_incidents_as_live_days_do_and_sends_one_digest(ledger, tmp_path):
    days = ["income", "income age", "", "debt", ""]
    assert backfilled(ledger, *days)
    live = Ledger(f"sqlite:///{tmp_path}/live.db")
    judged(live, *days, history=False)
    assert states(ledger) == states(live)
    (digest,) = sent(ledger)
    assert isinstance(digest.event, Announcement)
    assert to_text(render(digest.event, LINKS)) == (
        "credit: backfill of 5 past days: 0 still open of 1 incident\n"
        "5 January to 9 January 2026 were judged after the fact: 1 opened, 1 closed, 0 still open."
        " Messages about single incidents of these days were not sent.\n"
        "  - feature drift: P2, 5 January to 9 January, 4 days: debt drifts, PSI 0.31\n"
        "  Model: credit\n"
        "  Owner: team:risk\n"
        "  Day: 2026-01-08, judged 2026-06-01 12:00 UTC\n"
        "  Dagster: drift of 2026-01-08:"
        " http://127.0.0.1:3000/assets/credit/drift?view=partitions&partition=2026-01-08\n"
        "  MLflow model: http://127.0.0.1:5000/#/models/credit"
    )


def test_a_repeated_backfill_says_nothing_more(ledger):
    assert backfilled(ledger, "income", "")
    before = states(ledger)
    assert not backfilled(ledger, "income", "")
    assert states(ledger) == before
    assert len(sent(ledger)) == 1


@pytest.mark.parametrize(
    "days", [pytest.param(["", ""], id="fine days"), pytest.param(["age:P3", ""], id="P3 alone")]
)
def test_where_nothing_would_have_been_sent_there_is_no_digest(ledger, days):
    assert not backfilled(ledger, *days)
    assert sent(ledger) == []


def test_three_backfills_are_three_digests_at_most(ledger):
    backfilled(ledger, "income", "income")
    backfilled(ledger, "income", "", first=2)
    backfilled(ledger, "", "", first=4)
    first, second = (one.event for one in sent(ledger))
    assert first.words.endswith(
        "1 opened, 0 closed, 1 still open. Messages about single incidents of these days were not"
        " sent."
    )
    assert "0 opened, 1 closed, 0 still open" in second.words


def test_the_first_live_day_gives_an_open_incident_its_own_thread(ledger):
    backfilled(ledger, "income", "income")
    judged(ledger, "income", "", first=2, history=False)
    first, end, digest = sent(ledger)
    assert digest.event.words.startswith("5 January to 6 January 2026 were judged")
    assert (first.event.reason, first.event.day) == (Reason.FIRST, DAY + timedelta(days=2))
    assert first.event.opened_on == DAY
    assert (end.incident, end.event.reason) == (first.incident, Reason.RESOLVED)


def test_what_a_digest_called_open_ends_in_its_thread(ledger):
    """No live day had a finding any more: nobody is left with an incident that never ends."""
    backfilled(ledger, "income")
    judged(ledger, "", "", first=1, history=False)
    digest, end = sent(ledger)
    assert (end.incident, end.seq, end.event.reason) == (digest.incident, 1, Reason.RESOLVED)
    judged(ledger, "", "", first=1, history=False)
    assert sent(ledger) == []


def test_a_live_day_of_the_same_run_is_no_past_day_of_its_digest(ledger):
    """What it ends is told as closed by the digest that follows."""
    days = judged(ledger, "income", "income")
    judged(ledger, "", first=2, history=False)
    assert ledger.announce_history(SPEC, days, now=NOW)
    (digest,) = sent(ledger)
    assert digest.event.title == "backfill of 2 past days: 0 still open of 1 incident"
    assert digest.event.words.startswith("5 January to 6 January 2026 were judged after the fact:")
    assert digest.event.rows[0][1].startswith("P2, 5 January to 7 January, 2 days")


def test_a_thread_that_history_ends_is_edited_and_nothing_posted_in_it(tmp_path):
    """The product stood still for weeks, and a backfill catches up."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    moment = [NOW]

    def send():
        return drain(
            ledger, links=LINKS, outbox=tmp_path, clock=lambda: moment[0],
            environment={"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": slack.base_url},
            sleep=lambda seconds: None,
        )  # fmt: skip

    with FakeSlack(clock=lambda: moment[0]) as slack:
        judged(ledger, "income", history=False)
        assert send() == Delivered(sent=1)
        assert backfilled(ledger, "income", "", "debt", first=1)
        send()
        root, digest = slack.messages
    assert root.text == "credit: feature drift resolved on 7 January after 2 days"
    assert "backfill of 3 past days" in digest.text
    shown = [one.message.title for one in entries(ledger, LINKS)]
    assert shown == [
        "credit: feature drift resolved on 7 January after 2 days",
        "credit: backfill of 3 past days: 1 still open of 1 incident",
    ]


KILLED = """
import os, signal, sys
from importlib import import_module
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_turns import backfilled
times = int(sys.argv[4])
module = import_module(f"monitoring_dagster.store.ledger.{sys.argv[2]}")
whole = getattr(module, sys.argv[3])
def counted(*args, **kwargs):
    global times
    times -= 1
    if not times:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*args, **kwargs)
setattr(module, sys.argv[3], counted)
backfilled(Ledger(sys.argv[1]), "income", "income age", "", "debt")
"""


@pytest.mark.parametrize(
    ("file", "place", "times"),
    [
        pytest.param("judged_days", "note_turn", 1, id="in the first day"),
        pytest.param("judged_days", "save_incident", 3, id="in the third day"),
        pytest.param("ledger", "pending_turns", 1, id="before the digest"),
        pytest.param("ledger", "mark_told", 1, id="within the digest"),
    ],
)
def test_kill_9_in_a_backfill_loses_and_doubles_nothing(tmp_path, file, place, times):
    whole, died = (Ledger(f"sqlite:///{tmp_path}/{name}.db") for name in ("whole", "died"))
    days = ["income", "income age", "", "debt"]
    backfilled(whole, *days)
    words = ["python", "-c", KILLED, died.url, file, place, str(times)]
    code = fork_server.run(words, cwd=Path(__file__).parents[3], env=os.environ)
    assert code.returncode == -9
    backfilled(died, *days)
    assert died.incidents() == whole.incidents()
    assert [one.event for one in sent(died)] == [one.event for one in sent(whole)]


def test_the_digest_of_a_run_that_died_is_told_when_it_must_be_over(ledger):
    judged(ledger, "income", "")
    hour = timedelta(hours=1)
    assert not ledger.announce_history(SPEC, now=NOW, quiet_since=NOW - hour)
    assert ledger.announce_history(SPEC, now=NOW + hour, quiet_since=NOW)
    (digest,) = sent(ledger)
    assert "5 January to 6 January 2026" in digest.event.words


def test_a_week_is_noted_once_and_never_an_earlier_one(ledger_url):
    monday = date(2026, 1, 5)
    with writing(ledger_url) as connection:
        assert last_week(connection, "credit") is None
        assert mark_week(connection, "credit", monday, at=NOW)
        assert not mark_week(connection, "credit", monday, at=NOW)
        assert not mark_week(connection, "credit", monday - timedelta(days=7), at=NOW)
        assert last_week(connection, "credit") == monday
        assert mark_week(connection, "other", monday, at=NOW)
        assert mark_week(connection, "credit", monday + timedelta(days=7), at=NOW)
    with reading(ledger_url) as connection:
        assert last_week(connection, "credit") == monday + timedelta(days=7)
