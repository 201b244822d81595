"""Where do messages go while there is no Slack?  Into a page that reads like the channel would."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring_dagster.report import runbooks
from monitoring_dagster.report.messages import Message

PAGE, LINES = "index.html", "messages.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivered message: its thread, the time that it is about, and where it went."""

    id: str
    thread: str
    channel: str
    at: datetime
    message: Message


def write_outbox(folder: Path, entries: Sequence[Entry], *, notices: Sequence[str] = ()) -> None:
    """Write ``index.html`` for people and ``messages.jsonl`` for programs, each in one move.

    *notices* are about delivery itself, and stand above all messages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / LINES, "".join(json.dumps(_line(entry)) + "\n" for entry in entries))
    _write(folder / PAGE, page(entries, notices=notices))


def page(entries: Sequence[Entry], *, notices: Sequence[str] = ()) -> str:
    """All messages as one self-contained page: the latest thread first, each in its own order.

    Nothing in it runs or loads anything; every value is escaped.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    threads: dict[str, list[Entry]] = {}
    for entry in entries:
        threads.setdefault(entry.thread, []).append(entry)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["openable"] = _openable
    environment.globals["runbook"] = runbooks.page
    return environment.get_template("outbox.html").render(
        threads=sorted(threads.values(), key=lambda thread: thread[-1].at, reverse=True),
        channels=sorted({entry.channel for entry in entries}),
        count=len(entries),
        notices=notices,
    )


def _openable(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "delivery_id": entry.id,
        "thread": entry.thread,
        "channel": entry.channel,
        "at": entry.at.isoformat(),
        "text": entry.message.text,
        "blocks": entry.message.blocks,
    }


def _write(path: Path, text: str) -> None:
    # A name of our own: two writers must not share a half-written file.
    own = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with own.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(own, path)
