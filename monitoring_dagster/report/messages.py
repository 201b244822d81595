"""What do people read about an incident?  Events in, calm and harmless messages out."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, TypeAdapter

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.decisions.incidents import Reason

SHOWN_FINDINGS = 8


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One turn of an incident that people should hear of."""

    reason: Reason
    model: str
    registered_model: str  # its name in MLflow
    owner: str
    kind: FindingKind
    severity: Severity
    opened_on: date
    day: date
    findings: tuple[Finding, ...]  # the most urgent of the day
    total: int  # how many there were
    run_id: str | None = None  # the MLflow run that made the version which served
    type: Literal["incident"] = "incident"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing that was decided or done, told once and in a thread of its own."""

    model: str
    registered_model: str
    owner: str
    kind: FindingKind
    day: date
    title: str
    words: str
    version: str | None = None  # the MLflow version it is about
    run_id: str | None = None  # the run that made it
    type: Literal["announcement"] = "announcement"


Event = Annotated[IncidentEvent | Announcement, Field(discriminator="type")]
EVENT: TypeAdapter[IncidentEvent | Announcement] = TypeAdapter(Event)


@dataclass(frozen=True, slots=True)
class Guide:
    """What a kind of finding means to a reader: its words, its Dagster asset, what to do first."""

    words: str
    step: str
    next_step: str
    weekly: bool = False  # the step's partitions are weeks: no day leads to one


GUIDES: Mapping[FindingKind, Guide] = {
    FindingKind.MISSING_DAY: Guide(
        "missing day",
        "contract",
        "Find out why no predictions arrived, then run the day again.",
    ),
    FindingKind.EMPTY_DAY: Guide(
        "empty day",
        "contract",
        "Check whether the model served at all, then look at the export of its log.",
    ),
    FindingKind.UNREADABLE_DATA: Guide(
        "unreadable data",
        "contract",
        "Have the file written again; nothing was computed from it.",
    ),
    FindingKind.SCHEMA_BREACH: Guide(
        "schema breach",
        "contract",
        "Ask the producer what changed; judge drift of these columns only afterwards.",
    ),
    FindingKind.LOW_VOLUME: Guide(
        "low volume",
        "profile",
        "Compare with the callers' own count: is traffic down or is the log incomplete?",
    ),
    FindingKind.SERVICE_ERRORS: Guide(
        "service errors",
        "profile",
        "Read the service's error log of that day; consider the fallback or a rollback.",
    ),
    FindingKind.SLOW_SERVICE: Guide(
        "slow service",
        "profile",
        "Look at the latency by stage, and at the load of the same hours.",
    ),
    FindingKind.UNKNOWN_VERSION: Guide(
        "unknown version",
        "profile",
        "Find out who deployed it and register it, or roll it back.",
    ),
    FindingKind.PREDICTION_DRIFT: Guide(
        "prediction drift",
        "drift",
        "Look for a release or a new kind of traffic, then at the drifted features.",
    ),
    FindingKind.FEATURE_DRIFT: Guide(
        "feature drift",
        "drift",
        "Ask whether the world or the pipeline changed; a sudden shift is usually the pipeline.",
    ),
    FindingKind.MULTIVARIATE_DRIFT: Guide(
        "multivariate drift",
        "multivariate",
        "Look at the columns that tell the week apart: did a join or a unit change between them?",
        weekly=True,
    ),
    FindingKind.PERFORMANCE_DROP: Guide(
        "performance drop",
        "evaluation",
        "Read the attribution first: did the rows change, or their meaning?",
    ),
    FindingKind.EXPECTED_DROP: Guide(
        "expected drop",
        "estimate",
        "Look at the inputs that moved; labels have yet to confirm it.",
    ),
    FindingKind.SEGMENT_DROP: Guide(
        "segment drop",
        "evaluation",
        "Look at that segment's rows: the whole is too large to show it.",
    ),
    FindingKind.MISCALIBRATION: Guide(
        "miscalibration",
        "evaluation",
        "Read the reliability table; whoever acts on the score acts on a wrong probability.",
    ),
    FindingKind.REVISED_QUALITY: Guide(
        "revised quality",
        "evaluation",
        "Read what was decided because of the former verdict, and whether it still holds.",
    ),
    FindingKind.LABEL_DELAY: Guide(
        "label delay",
        "outcomes",
        "Ask the label source what holds it up; verdicts on quality come later meanwhile.",
    ),
    FindingKind.LABEL_PROCESS: Guide(
        "label process",
        "outcomes",
        "Ask who labels now, and by which rule, before you believe in a change of quality.",
    ),
    FindingKind.LATE_LABELS: Guide(
        "late labels",
        "outcomes",
        "Ask the label source; quality of these days stays unknown until they arrive.",
    ),
    FindingKind.ORPHAN_LABELS: Guide(
        "orphan labels",
        "outcomes",
        "Compare the request ids on both sides; labels without a prediction count for nothing.",
    ),
    FindingKind.VERSION_METADATA: Guide(
        "version metadata",
        "profile",
        "Register the version again with its signature and reference data.",
    ),
    FindingKind.IMPORTANCE_SHIFT: Guide(
        "importance shift",
        "drift",
        "Compare both versions' training data: the new one may lean on a leak or a proxy.",
    ),
    FindingKind.RETRAINING: Guide(
        "retraining",
        "retraining",
        "Read the comparison with the champion before you overrule it.",
    ),
    FindingKind.FAILED_RUN: Guide(
        "failed run",
        "verdict",
        "Open the run in Dagster, repair the cause and run the day again.",
    ),
}


@dataclass(frozen=True, slots=True)
class Link:
    """A label and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where the pages stand that a message points to."""

    dagster_url: str
    mlflow_url: str
    runbook_url: str  # the folder that holds <kind>.md, on the web or as file://

    def of(self, event: IncidentEvent | Announcement) -> tuple[Link, ...]:
        step = GUIDES[event.kind].step
        asset = f"{quote(event.model, safe='')}/{step}"
        if not GUIDES[event.kind].weekly:
            asset += f"?{urlencode({'partition': event.day})}"
        model = quote(event.registered_model, safe="")
        version = getattr(event, "version", None)
        suffix = f"/versions/{quote(version, safe='')}" if version else ""
        if event.run_id:
            run = quote(event.run_id, safe="")
            in_mlflow = Link("MLflow run", _join(self.mlflow_url, f"#/runs/{run}"))
        else:
            in_mlflow = Link("MLflow model", _join(self.mlflow_url, f"#/models/{model}{suffix}"))
        return (
            Link("Runbook", _join(self.runbook_url, f"{event.kind}.md")),
            Link(f"Dagster: {step}", _join(self.dagster_url, f"assets/{asset}")),
            in_mlflow,
        )


@dataclass(frozen=True, slots=True)
class Message:
    """What is said, cleaned and cut to size but escaped nowhere: every medium escapes its own way.

    ``tone`` is a severity, ``resolved`` or ``note``; it colours the message.
    """

    tone: str
    title: str
    lead: str
    findings: tuple[tuple[str, str], ...]  # subject, words
    more: int  # findings that are not shown
    facts: tuple[tuple[str, str], ...]
    next_step: str
    links: tuple[Link, ...] = field(default=())

    @property
    def text(self) -> str:
        """The notification line of Slack, escaped."""
        return _escaped(f"{self.title}. {self.lead}", 300)

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Slack blocks, escaped, within Slack's limits; all text together below 10,000."""
        lines = [
            f"• *{_escaped(subject, 90)}*: {_escaped(words, 400)}"
            for subject, words in self.findings
        ]
        # Two sections: eight lines of 500 characters are more than one may hold.
        halves = ["\n".join(lines[:4]), "\n".join(lines[4:])]
        if self.more:
            halves[-1 if halves[-1] else 0] += f"\n_+{self.more} more_"
        blocks: list[dict[str, Any]] = [
            _header(_escaped(self.title, 150)),
            _section(_escaped(self.lead, 1200)),
            *(_section(half) for half in halves if half),
            {
                "type": "section",
                "fields": [
                    _mrkdwn(f"*{_escaped(name, 40)}*\n{_escaped(value, 200)}")
                    for name, value in self.facts
                ],
            },
        ]
        if self.next_step:
            blocks.append(_section(f"*Next*  {_escaped(self.next_step, 300)}"))
        blocks.append(_section("  ·  ".join(_slack_link(link) for link in self.links)))
        return blocks


def render(
    event: IncidentEvent | Announcement, links: Links, *, resolved_on: date | None = None
) -> Message:
    """The message about *event*; with *resolved_on* the opening message as it reads afterwards."""
    if isinstance(event, Announcement):
        return Message(
            tone="note",
            title=_clean(f"{event.model}: {event.title}", 150),
            lead=_clean(event.words, 1000),
            findings=(),
            more=0,
            facts=(("Model", _clean(event.model, 80)), ("Owner", _clean(event.owner, 120))),
            next_step="",
            links=links.of(event),
        )
    over = resolved_on is not None or event.reason is Reason.RESOLVED
    shown = () if event.reason is Reason.RESOLVED else event.findings[:SHOWN_FINDINGS]
    return Message(
        tone="resolved" if over else event.severity.value,
        title=_clean(_title(event, over=over), 150),
        lead=_lead(event, resolved_on),
        findings=tuple((_clean(f.subject, 60), _clean(f.words, 240)) for f in shown),
        more=max(event.total - len(shown), 0) if shown else 0,
        facts=(
            ("Severity", event.severity.value),
            ("Model", _clean(event.model, 80)),
            ("Owner", _clean(event.owner, 120)),
            ("Since", event.opened_on.isoformat()),
        ),
        next_step="" if over else GUIDES[event.kind].next_step,
        links=links.of(event),
    )


def to_text(message: Message) -> str:
    """The message for a terminal: no escapes, no colour, one fact a line."""
    lines = [message.title, message.lead]
    lines += [f"  - {subject}: {words}" for subject, words in message.findings]
    lines += [f"  +{message.more} more"] if message.more else []
    lines += [f"  {name}: {value}" for name, value in message.facts]
    lines += [f"  Next: {message.next_step}"] if message.next_step else []
    lines += [f"  {link.label}: {link.url}" for link in message.links]
    return "\n".join(lines)


def most_urgent(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings an event carries along: the most urgent, as many as a message shows."""
    return tuple(sorted(findings, key=lambda f: (f.severity, f.subject))[:SHOWN_FINDINGS])


def _title(event: IncidentEvent, *, over: bool) -> str:
    about = f"{GUIDES[event.kind].words} in {event.model}"
    if over:
        return f"Resolved: {about}"
    prefix = {Reason.FIRST: "", Reason.WORSE: "worse: ", Reason.REMINDER: "still open: "}
    return f"{event.severity} · {prefix[event.reason]}{about}"


def _lead(event: IncidentEvent, resolved_on: date | None) -> str:
    since = f"{event.opened_on:%A %d %B %Y}"
    count = f"{_counted(event.total, 'finding')} on {event.day}"
    lasted = _counted(((resolved_on or event.day) - event.opened_on).days, "day")
    if resolved_on is not None:
        return f"Resolved on {resolved_on} after {lasted}. It began with {count}."
    if event.reason is Reason.RESOLVED:
        return f"No finding any more on {event.day}. It was open since {since}, for {lasted}."
    if event.reason is Reason.FIRST:
        return f"{event.reason.capitalize()}: {count}."
    return f"{event.reason.capitalize()}: {count}. Open since {since}, for {lasted}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


def _clean(text: str, limit: int) -> str:
    """One line without control, bidi, zero-width or unpaired characters, at most *limit* long.

    What is left of nothing is a dash: Slack refuses empty texts.

    >>> _clean("income\\n\\u202egnp.exe\\x00", 10)
    'income gn…'
    """
    kept = "".join(
        character
        for character in " ".join(text.split())
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return (kept if len(kept) <= limit else kept[: limit - 1] + "…") or "-"


def _escaped(text: str, limit: int) -> str:
    """Text that Slack shows as it is, at most *limit* long and never cut inside an entity.

    >>> _escaped("<!channel>", 100), _escaped("a<<<", 6)
    ('&lt;!channel&gt;', 'a&lt;…')
    """
    escaped = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(c, c) for c in text]
    if sum(map(len, escaped)) <= limit:
        return "".join(escaped)
    return "".join(_fitting(escaped, limit - 1)) + "…"


def _fitting(pieces: Sequence[str], room: int) -> Iterator[str]:
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            return
        yield piece


def _slack_link(link: Link) -> str:
    """A link Slack opens; what it would not open, such as a local file, is named instead."""
    label, url = _escaped(link.label, 75), quote(link.url, safe=":/?#[]@!$&'()*+,;=%~")
    if not url.startswith(("https://", "http://")) or len(_escaped(url, 5000)) > 900:
        return f"{label}: {_escaped(url, 900)}"
    return f"<{_escaped(url, 900)}|{label}>"


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: a bare address or #name inside a data value must not turn into a link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}
