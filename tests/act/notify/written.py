"""Messages as each channel gets them, kept as files: a change of what people read is seen."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from monitoring_dagster.act.notify.sender import Posting
from monitoring_dagster.kinds import Reason, Severity
from monitoring_dagster.report.messages import opening_of, render
from monitoring_dagster.spec.channels import kind_and_address
from monitoring_dagster.store.ledger.deliveries import Delivery
from tests.report.example import LINKS, NOTE, event, found

GOLDEN = Path(__file__).parent / "golden"
INCIDENT = "6d1f1f2e-3a56-5d7e-9d0e-2f6f4b7e8a11"
FINDINGS = found(), found("größe <!channel>", "60 % missing, 0.1 % in the reference")
DUE = datetime(2026, 1, 9, 8, tzinfo=UTC)
EVENTS = {
    "first": replace(event(*FINDINGS), due=DUE, time_zone="Europe/Berlin"),
    "worse": replace(
        event(*FINDINGS, reason=Reason.WORSE),
        severity=Severity.P1,
        due=DUE,
        time_zone="Europe/Berlin",
    ),
    "acknowledged": replace(
        event(reason=Reason.ACKNOWLEDGED),
        by="ada <b>",
        comment="the feed was late",
        at=datetime(2026, 1, 8, 12, tzinfo=UTC),
    ),
    "assigned": replace(
        event(reason=Reason.ASSIGNED),
        by="ada <b>",
        assignee="*grace* <!here> <b>",
        comment="you know the feed",
        at=datetime(2026, 1, 8, 13, tzinfo=UTC),
    ),
    "resolved": replace(event(reason=Reason.RESOLVED), day=date(2026, 1, 9)),
    "announcement": NOTE,
}


def posting(name, destination):
    """The message *name* of a thread in which those before it have arrived."""
    order = ["announcement"] if name == "announcement" else [*EVENTS][: [*EVENTS].index(name) + 1]
    thread = [_delivery(one, seq, destination) for seq, one in enumerate(order)]
    opening = opening_of([one.event for one in thread], LINKS) if len(thread) > 1 else None
    return Posting(
        delivery=thread[-1],
        address=kind_and_address(destination)[1],
        message=render(EVENTS[name], LINKS),
        earlier=tuple(thread[:-1]),
        opening=opening,
    )


def _delivery(name, seq, destination):
    moment = datetime(2026, 1, 8 + seq, 6, 5, tzinfo=UTC)
    return Delivery(
        id=f"00000000-0000-5000-8000-00000000000{seq}",
        incident=INCIDENT,
        seq=seq,
        destination=destination,
        event=EVENTS[name],
        state="sent",
        attempts=1,
        created_at=moment,
        claimed_at=moment,
        sent_at=moment,
        channel="there",
        ts=f"<00000000-0000-5000-8000-00000000000{seq}@example.org>",
        last_error=None,
    )


def assert_golden(name, text):
    """Compare with the kept file; with MONITORING_WRITE_GOLDEN=1 write it anew instead."""
    file = GOLDEN / name
    if os.environ.get("MONITORING_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"look at it, and write {name} anew"
