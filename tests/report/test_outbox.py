"""Where there is no Slack, messages are a page that shows all of them and runs nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.messages import opening_of, render
from monitoring_dagster.report.outbox import LINES, PAGE, Entry, page, write_outbox
from tests.report.example import LINKS, NOTE, event, found

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.addresses, self.attributes = set(), [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in ("href", "src")]


def read(html):
    tags = Tags()
    tags.feed(html)
    return tags


def entry(message, *, thread="t", minute=0, channel="#ml-alerts"):
    at = datetime(2026, 1, 7, 12, minute, tzinfo=UTC)
    return Entry(f"{thread}{minute}", thread, channel, at, message)


FIRST = render(event(found()), LINKS)


def test_the_page_shows_threads_and_runs_nothing():
    html = page(
        [
            entry(render(event(found(HOSTILE, HOSTILE)), LINKS)),
            entry(render(event(reason=Reason.RESOLVED), LINKS), minute=5),
            entry(render(replace(NOTE, words=HOSTILE), LINKS), thread="u", minute=9),
        ]
    )
    assert html.count("<article") == 2
    assert html.count('<ol class="replies">') == 1
    assert html.index("version 2 serves") < html.index("First seen"), "the latest thread is first"
    assert not read(html).seen & {"script", "img", "iframe", "link", "object"}
    assert "default-src 'none'" in html


@pytest.mark.parametrize("place", ["title", "words", "model", "owner", "version"])
def test_no_field_of_an_announcement_is_a_tag_or_an_attribute(place):
    message = render(replace(NOTE, **{place: f"\"'><b onclick=x>{HOSTILE}"}), LINKS)
    tags = read(page([entry(message, channel=HOSTILE), entry(message, thread="u")]))
    assert not tags.seen & {"script", "img"}
    assert not tags.attributes & {"onclick", "onerror"}


@pytest.mark.parametrize("place", ["assignee", "by", "comment"])
def test_no_name_of_a_person_is_a_tag_or_an_attribute(place):
    given = replace(event(reason=Reason.ASSIGNED), by="ada", assignee="bob")
    given = replace(given, **{place: f"\"'><b onclick=x>{HOSTILE}"})
    thread = [event(found()), given]
    opened, reply = opening_of(thread, LINKS), render(given, LINKS)
    html = page([entry(opened), entry(reply, minute=5)])
    assert "&lt;script&gt;" in html
    assert not read(html).seen & {"script", "img"}
    assert not read(html).attributes & {"onclick", "onerror"}


def test_a_thread_is_as_late_as_its_last_reply():
    old, new = (render(replace(NOTE, title=title), LINKS) for title in ("opened", "later"))
    reply = render(event(reason=Reason.RESOLVED), LINKS)
    told = [entry(old, minute=1), entry(new, thread="u", minute=5), entry(reply, minute=9)]
    html = page(told)
    assert html.index("credit: opened") < html.index("credit: later")
    html = page(told[:2])
    assert html.index("credit: later") < html.index("credit: opened")


def test_within_a_thread_the_first_message_comes_first():
    resolved = render(event(reason=Reason.RESOLVED), LINKS)
    html = page([entry(FIRST), entry(resolved, minute=5)])
    assert html.index("First seen") < html.index("Resolved on 7 January")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 messages in 0 threads"), (1, "1 message in 1 thread,"), (2, "2 messages in 2 threads")],
)
def test_messages_are_counted(count, words):
    html = page([entry(FIRST, thread=str(n)) for n in range(count)])
    assert words in html
    assert ("No messages." in html) is (count == 0)


def test_the_channel_is_named_beside_a_message_where_there_are_several():
    assert 'class="where"' not in page([entry(FIRST), entry(FIRST, thread="u")])
    html = page([entry(FIRST), entry(FIRST, thread="u", channel="#ops")])
    assert '<span class="where">#ops</span>' in html
    assert "<h1>#ml-alerts · #ops</h1>" in html


def test_the_page_opens_no_address_but_pages_on_the_web():
    links = replace(LINKS, dagster_url="javascript:alert(1)", runbook_url="file:///srv/runbooks")
    html = page([entry(render(event(found()), links))])
    assert read(html).addresses == ["http://127.0.0.1:5000/#/models/credit_risk"]
    assert "## What it means" in html, "the page is shown, since no link leads to it"
    assert "## What it means" not in page([entry(FIRST)])


def test_findings_that_are_not_shown_are_counted():
    assert "+4 more" in page([entry(render(event(found(), total=5), LINKS))])
    assert " more</td>" not in page([entry(FIRST)])


def test_an_empty_outbox_is_a_page_too(tmp_path):
    write_outbox(tmp_path, [])
    assert "No messages." in (tmp_path / PAGE).read_text()
    assert (tmp_path / LINES).read_text() == ""


def test_the_outbox_holds_what_slack_would_have_got(tmp_path):
    write_outbox(tmp_path / "new", [entry(FIRST)])
    (line,) = (tmp_path / "new" / LINES).read_text().splitlines()
    assert json.loads(line) == {
        "delivery_id": "t0",
        "thread": "t",
        "channel": "#ml-alerts",
        "at": "2026-01-07T12:00:00+00:00",
        "text": FIRST.text,
        "blocks": FIRST.blocks,
    }
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "index.html",
        "messages.jsonl",
    ]


def test_a_message_of_many_lines_and_of_any_letters_is_one_line_of_the_file(tmp_path):
    words = "a\nb\u2028c\u0085d é😀 \ud800"
    message = render(replace(NOTE, words=words, title=words), LINKS)
    write_outbox(tmp_path, [entry(message), entry(message, minute=1)])
    lines = (tmp_path / LINES).read_bytes().decode("ascii").split("\n")
    assert [json.loads(line)["delivery_id"] for line in lines[:-1]] == ["t0", "t1"]
    assert lines[-1] == ""


def test_what_was_written_before_is_replaced_as_a_whole(tmp_path):
    write_outbox(tmp_path, [entry(FIRST, minute=n) for n in range(3)])
    write_outbox(tmp_path, [entry(FIRST)])
    assert len((tmp_path / LINES).read_text().splitlines()) == 1
    assert "1 message in 1 thread" in (tmp_path / PAGE).read_text()


def test_a_notice_about_delivery_stands_above_all_and_is_no_tag():
    html = page([entry(FIRST)], notices=[f"slack:#a is out of order: {HOSTILE}"])
    assert html.index("is out of order") < html.index("First seen")
    assert not read(html).seen & {"script", "img"}
