"""What do people read about an incident?  Events in, calm and harmless messages out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from monitoring_dagster.decide.diagnosis.causes import Remedy
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import readable
from monitoring_dagster.kinds import Family, Reason, Severity
from monitoring_dagster.report import runbooks
from monitoring_dagster.report.events import SHOWN_FINDINGS, Announcement, IncidentEvent
from monitoring_dagster.report.links import Link, Links
from monitoring_dagster.report.on_call import OnCall
from monitoring_dagster.report.wording import (
    clean,
    counted,
    date_words,
    escaped,
    sentence,
    sparkline,
)

_WORDS_OF_ALL, _LEAST_WORDS = 2400, 320  # characters that the findings of a message share
_ESCAPED_OF_ALL, _SECTION = 4400, 2900
_URL = 600
_TITLE, _HEADLINE = 150, 300
_CHANGE = 200
_CAUSE, _SHOWN_EVIDENCE = 500, 2
_TURNS = 12  # of a thread, in its opening message
_ON_CALL = "On call"


@dataclass(frozen=True, slots=True)
class Message:
    """What is said, cleaned and cut to size but escaped nowhere: every medium escapes its own way.

    ``tone`` is a severity, ``resolved`` or ``note``; it colours the message.
    """

    tone: str
    title: str
    headline: str  # cause and number in one line, for notifications
    lead: str
    findings: tuple[tuple[str, str], ...]  # subject, words
    more: int  # findings that are not shown
    trend: str  # the number of the first finding, day by day
    changes: tuple[str, ...]  # what else changed lately
    cause: str  # the likely one, and what speaks for it
    facts: tuple[tuple[str, str], ...]
    next_step: str
    links: tuple[Link, ...]
    kind: str
    mention: str | None = None  # Slack's id of whoever is on call
    steps: tuple[str, ...] = field(default=())  # of the runbook, where no link leads there
    timeline: tuple[str, ...] = field(default=())  # what became of it, where that is known

    @property
    def text(self) -> str:
        """The notification line of Slack, escaped."""
        return escaped(self.headline, _HEADLINE)

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Slack blocks, escaped, within Slack's limits; all text together below 10,000."""
        room = _ESCAPED_OF_ALL // max(len(self.findings), 1)
        lines = [
            f"• *{escaped(subject, 90)}*: {escaped(words, min(room, _WORDS_OF_ALL))}"
            for subject, words in self.findings
        ]
        lines += [f"_+{self.more} more_"] if self.more else []
        blocks: list[dict[str, Any]] = [
            _header(escaped(self.title, 150)),
            _section(escaped(self.lead, 1000)),
            *(_section(part) for part in _parts(lines)),
            *([_section(escaped(self.trend, 200))] if self.trend else []),
            *([_section(f"*Likely cause*  {escaped(self.cause, _CAUSE)}")] if self.cause else []),
            *(_section(part) for part in _parts(self._around)),
            {
                "type": "section",
                "fields": [
                    _mrkdwn(f"*{escaped(name, 40)}*\n{escaped(value, 160)}{self._mention(name)}")
                    for name, value in self.facts
                ],
            },
        ]
        if self.steps:
            steps = "\n".join(escaped(step, 800) for step in self.steps)
            blocks.append(_section(f"*Runbook*\n{steps}\n{self._whole_page}"))
        elif self.next_step:
            blocks.append(_section(f"*Next*  {escaped(self.next_step, 300)}"))
        blocks.append(_section("  ·  ".join(_slack_link(link) for link in self.links)))
        return blocks

    def _mention(self, fact: str) -> str:
        return f" <@{self.mention}>" if self.mention and fact == _ON_CALL else ""

    @property
    def _around(self) -> list[str]:
        """What else changed, and what became of it."""
        around = [*(f"• {escaped(one, _CHANGE)}" for one in self.changes)]
        around = ["*Changed lately*", *around] if around else []
        turns = [escaped(one, _CHANGE) for one in self.timeline]
        return [*around, *(["*So far*", *turns] if turns else [])]

    @property
    def _whole_page(self) -> str:
        return f"Whole page: `monitoring-dagster runbook --page {self.kind}`"


def render(
    event: IncidentEvent | Announcement, links: Links, *, on_call: OnCall | None = None
) -> Message:
    """The message about *event* alone: what opens a thread, or goes on in it.

    Who is *on_call* is named where somebody should look.
    """
    if isinstance(event, Announcement):
        return _announced(event, links)
    return _of(event, links, on_call=on_call)


def opening_of(
    events: Sequence[IncidentEvent | Announcement],
    links: Links,
    *,
    on_call: OnCall | None = None,
) -> Message:
    """The message that opened a thread, as it reads after all of its *events*, oldest first."""
    turns = [one for one in events if isinstance(one, IncidentEvent)]
    first = events[0]
    if isinstance(first, Announcement) or len(events) == 1:
        return render(first, links, on_call=on_call)
    state = next((one for one in reversed(turns) if one.findings), first)
    asked = next((one for one in reversed(turns) if one.due), state)
    cause = next((one.cause for one in reversed(turns) if one.cause), None)
    state = replace(
        state, reason=Reason.FIRST, due=asked.due, time_zone=asked.time_zone, cause=cause
    )
    message = _of(state, links, turn=turns[-1], on_call=on_call, assignee=_assignee(turns))
    return replace(message, timeline=tuple(_timeline(events)))


def _assignee(turns: Sequence[IncidentEvent]) -> str | None:
    """Who has an incident that is not over."""
    if turns[-1].reason is Reason.RESOLVED:
        return None
    return next((one.assignee for one in reversed(turns) if one.assignee), None)


def _of(
    event: IncidentEvent,
    links: Links,
    *,
    turn: IncidentEvent | None = None,
    on_call: OnCall | None = None,
    assignee: str | None = None,
) -> Message:
    """The message about one turn; with a later *turn* what that made of it, and who has it."""
    over = Reason.RESOLVED in (event.reason, turn and turn.reason)
    shown = event.findings[:SHOWN_FINDINGS]
    opens = event.reason is Reason.FIRST and not over
    severity = event.severity if turn is None else turn.severity
    asks = on_call if not (over or event.by) else None
    return Message(
        tone="resolved" if over else severity.value,
        title=_headline(event, turn, _TITLE),
        headline=_headline(event, turn, _HEADLINE),
        lead=_lead(event, turn),
        findings=_shown([(one.subject, one.words) for one in shown]),
        more=max(event.total - len(shown), 0) if shown else 0,
        trend="" if over else next(map(_trend, shown), ""),
        changes=() if over else tuple(sentence(one, _CHANGE) for one in event.changes),
        cause="" if over else _likely(event),
        facts=(
            ("Model", clean(event.model, 80)),
            ("Owner", clean(event.owner, 120)),
            _when(event),
            *([("Due", _due(event))] if event.due and not over else []),
            *([(_ON_CALL, clean(asks.name, 160))] if asks else []),
            *([("Assigned to", clean(assignee, 160))] if assignee else []),
        ),
        next_step="" if over or event.by else _first_step(event),
        links=_links(event, links, event.evidence or event.day),
        kind=event.kind,
        mention=asks.slack_user if asks else None,
        steps=_steps(event, links) if opens else (),
    )


def _likely(event: IncidentEvent) -> str:
    """Such as "concept drift (87 %): log_loss 0.71 against 0.45; relation worse by 0.2"."""
    if event.cause is None:
        return ""
    shown = "; ".join(sentence(one, _CHANGE) for one in event.cause.evidence[:_SHOWN_EVIDENCE])
    return sentence(f"{event.cause.title} ({event.cause.weight:.0%}): {shown}", _CAUSE)


def _first_step(event: IncidentEvent) -> str:
    """The cause's, where there is one; what was delivered or deployed is repaired rule by rule."""
    if event.cause is None or event.cause.action is Remedy.FIX_PIPELINE:
        return RULES[event.kind].first_step
    return event.cause.first_step(event.pages_of or event.model)


def _trend(finding: Finding) -> str:
    if len(finding.trend) < 2:
        return ""
    first, last = (readable(one) for one in (finding.trend[0], finding.trend[-1]))
    about = sentence(finding.subject, 60)
    return f"{about}, {len(finding.trend)} days: {sparkline(finding.trend)}  {first} to {last}"


def _timeline(events: Sequence[IncidentEvent | Announcement]) -> Iterator[str]:
    """A line for each turn; of many the first and the latest."""
    lines = []
    for one in events:
        if isinstance(one, Announcement):
            words = sentence(one.title, 120)
            lines.append(f"{date_words(one.day)}  {words}")
            continue
        is_told = one.findings and one.reason is not Reason.REMINDER
        cause = f": {_cause(one.findings[0], 100, one)}" if is_told else ""
        words = _handled(one) if one.by else f"{one.reason}{cause}"
        lines.append(f"{date_words(one.at.date() if one.by and one.at else one.day)}  {words}")
    hidden = len(lines) - _TURNS
    yield from lines if hidden <= 0 else [lines[0], f"… {hidden + 1} more", *lines[hidden + 2 :]]


def to_text(message: Message) -> str:
    """The message for a terminal: no escapes, no colour, one fact a line."""
    lines = [message.title, message.lead]
    lines += [f"  - {subject}: {words}" for subject, words in message.findings]
    lines += [f"  +{message.more} more"] if message.more else []
    lines += [f"  {message.trend}"] if message.trend else []
    lines += [f"  Likely cause: {message.cause}"] if message.cause else []
    lines += [f"  Changed lately: {one}" for one in message.changes]
    lines += [f"  {name}: {value}" for name, value in message.facts]
    if message.steps:
        lines += ["  Runbook:", *(f"    {step}" for step in message.steps)]
    elif message.next_step:
        lines += [f"  Next: {message.next_step}"]
    lines += [f"  {link.label}: {link.url}" for link in message.links]
    return "\n".join(lines)


def _announced(event: Announcement, links: Links) -> Message:
    rows = event.rows[:SHOWN_FINDINGS]
    return Message(
        tone="note",
        title=clean(f"{event.model}: {event.title}", 150),
        headline=f"{clean(f'{event.model}: {event.title}', 150)}. {sentence(event.words, 140)}",
        lead=sentence(event.words, 1000),
        findings=_shown(rows),
        more=max(event.total - len(rows), 0) if rows else 0,
        trend="",
        changes=(),
        cause="",
        facts=(
            ("Model", clean(event.model, 80)),
            ("Owner", clean(event.owner, 120)),
            ("Day", _day_words(event.day, event.at)),
        ),
        next_step="",
        links=_links(event, links, event.day),
        kind=event.kind,
        steps=() if event.rows else _steps(event, links),
    )


def _shown(rows: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    room = max(_WORDS_OF_ALL // max(len(rows), 1), _LEAST_WORDS)
    return tuple(
        (sentence(subject, 60), sentence(words.removeprefix(f"{subject}: "), room, about=subject))
        for subject, words in rows
    )


def _links(event: IncidentEvent | Announcement, links: Links, day: date) -> tuple[Link, ...]:
    rule, version = RULES[event.kind], getattr(event, "version", None)
    model = getattr(event, "pages_of", "") or event.model
    run = getattr(event, "dagster_run", None)
    found = (
        links.runbook(event.kind),
        links.dagster_run(run) if run else links.asset(model, rule.asset, day, rule.partitions),
        links.mlflow(event.registered_model, version=version, run_id=event.run_id),
    )
    return tuple(link for link in found if link is not None)


def _steps(event: IncidentEvent | Announcement, links: Links) -> tuple[str, ...]:
    """The first steps of the runbook, for readers whom no link leads to it."""
    if links.runbook(event.kind) is not None:
        return ()
    steps = runbooks.first_steps(event.kind, model=event.model)
    if isinstance(event, Announcement) or event.cause is None:
        return steps
    return (f"First: {_first_step(event)}", *steps)


def _headline(event: IncidentEvent, turn: IncidentEvent | None, limit: int) -> str:
    """Such as "P1 churn: performance drop, log loss 0.71 against 0.45, 4 of 5 days"."""
    model = clean(event.model, 63)
    ending = turn if turn is not None and turn.reason is Reason.RESOLVED else event
    if ending.reason is Reason.RESOLVED:
        return f"{model}: {RULES[event.kind].title} resolved {_ended(event, ending)}"
    severity = event.severity if turn is None else turn.severity
    if event.by:
        handled = sentence(_handled(event), limit // 2)
        return f"{severity} {model}: {RULES[event.kind].title} {handled}"
    state = {
        Reason.WORSE: "worse: ",
        Reason.REOPENED: "open again: ",
        Reason.REMINDER: f"open since {date_words(event.opened_on)}: ",
    }.get(event.reason, "")
    start = f"{severity} {model}: {state}"
    is_one = event.total <= 1 or event.pages_of  # of several models the cause counts them
    more = "" if is_one else f" (+{event.total - 1} more)"
    if not event.findings:
        return f"{start}{RULES[event.kind].title}{more}"
    return f"{start}{_cause(event.findings[0], limit - len(start) - len(more), event)}{more}"


def _cause(finding: Finding, limit: int, event: IncidentEvent) -> str:
    """The likely cause, or the rule that holds where it says more; and the number."""
    is_named = event.cause is not None and event.family is Family.BEHAVIOUR
    title = f"likely {event.cause.title}" if event.cause and is_named else RULES[finding.kind].title
    words = finding.brief or finding.words
    return f"{title}, {sentence(words, limit - len(title) - 2, about=finding.subject)}"


def _lead(event: IncidentEvent, turn: IncidentEvent | None) -> str:
    count = f"{counted(event.total, 'finding')} on {date_words(event.day)}"
    lasted = counted((event.day - event.opened_on).days, "day")
    since = f"open since {date_words(event.opened_on)}, for {lasted}"
    if turn is not None and turn.reason is Reason.RESOLVED:
        return f"Resolved {_ended(event, turn)}. The last was {count}."
    if event.reason is Reason.RESOLVED:
        comment = f" {sentence(event.comment, 300)}" if event.comment else ""
        return f"Resolved {_ended(event, event)}.{comment}"
    if event.by:
        return f"{_begun(_handled(event))}."
    now = f" {_begun(_handled(turn))}." if turn is not None and turn.by else ""
    if turn is not None and event.day > event.opened_on:
        return f"{since[0].upper()}{since[1:]}: {count}.{now}"
    if event.reason is Reason.FIRST:
        return f"{event.reason.capitalize()}: {count}.{now}"
    return f"{event.reason.capitalize()}: {count}, {since}.{now}"


def _handled(event: IncidentEvent) -> str:
    """What a person did: "snoozed until 2026-01-09 12:00 UTC by ada: after the release"."""
    to = f" to {clean(event.assignee, 80)}" if event.assignee else ""
    until = f" until {event.until:%Y-%m-%d %H:%M} UTC" if event.until else ""
    comment = f": {sentence(event.comment, 300)}" if event.comment else ""
    return f"{event.reason}{to}{until} by {clean(event.by or '', 80)}{comment}"


def _begun(words: str) -> str:
    """With a capital at the beginning; the names that follow stay as they are written."""
    return f"{words[:1].upper()}{words[1:]}"


def _ended(event: IncidentEvent, ending: IncidentEvent) -> str:
    by = f"by {clean(ending.by, 80)} " if ending.by else ""
    lasted = counted((ending.day - event.opened_on).days, "day")
    return f"{by}on {date_words(ending.day)} after {lasted}"


def _when(event: IncidentEvent) -> tuple[str, str]:
    if event.by and event.at:
        return "At", f"{event.at:%Y-%m-%d %H:%M} UTC"
    return "Day", _day_words(event.day, event.at)


def _due(event: IncidentEvent) -> str:
    """Such as "by Tue 13 January 09:00 CET"; P0 is due at once."""
    assert event.due is not None, "who asks knows that there is one"
    if event.severity is Severity.P0:
        return "now"
    here = event.due.astimezone(ZoneInfo(event.time_zone))
    return f"by {here:%a} {date_words(here)} {here:%H:%M %Z}"


def _day_words(day: date, at: datetime | None) -> str:
    return f"{day}, judged {at:%Y-%m-%d %H:%M} UTC" if at else str(day)


def _parts(lines: Sequence[str]) -> Iterator[str]:
    """The lines in as few texts as one block can hold each."""
    part = ""
    for line in lines:
        if part and len(part) + len(line) + 1 > _SECTION:
            yield part
            part = ""
        part = f"{part}\n{line}" if part else line
    if part:
        yield part


def _slack_link(link: Link) -> str:
    """A link Slack opens; what it would not open is named instead."""
    label, url = escaped(link.label, 75), quote(link.url, safe=":/?#[]@!$&'()*+,;=%~")
    if not url.startswith(("https://", "http://")) or len(escaped(url, 5000)) > _URL:
        return f"{label}: {escaped(url, _URL)}"
    return f"<{escaped(url, _URL)}|{label}>"


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: a bare address or #name inside a data value must not turn into a link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}
