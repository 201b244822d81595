"""Texts cut and cleaned for people: one line, its beginning and its conclusion kept."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

_LONGEST_WORD = 60
_LONGEST_NAME = 40
_GAP = " … "
_BARS = "▁▂▃▄▅▆▇█"


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "day"), counted(2, "day")
    ('1 day', '2 days')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def date_words(day: date) -> str:
    """
    >>> date_words(date(2026, 4, 13))
    '13 April'
    """
    return f"{day.day} {day:%B}"


def clean(text: str, limit: int) -> str:
    """One line without control, bidi, zero-width or unpaired characters, at most *limit* long.

    What is left of nothing is a dash: Slack refuses empty texts.

    >>> clean("income\\n\\u202egnp.exe\\x00", 10)
    'income gn…'
    """
    kept = _cleaned(text)
    return (kept if len(kept) <= limit else kept[: limit - 1] + "…") or "-"


def sentence(words: str, limit: int, *, about: str = "") -> str:
    """What was found, on one clean line of at most *limit* characters.

    The fact stands at the beginning of such a sentence and the conclusion at its end: a long one
    loses its middle. Before that, names lose theirs: *about*, the subject, and any word as long.

    >>> sentence("log loss was 0.71 where 0.45 was promised; likely concept drift", 48)
    'log loss was 0.71 … likely concept drift'
    """
    kept = _cleaned(words)
    name = _cleaned(about)
    if len(name) > _LONGEST_NAME:
        kept = kept.replace(name, _without_middle(name, _LONGEST_NAME))
    longer = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
    kept = longer.sub(lambda word: _without_middle(word[0], _LONGEST_WORD), kept)
    return _without_middle(kept, limit) or "-"


def escaped(text: str, limit: int) -> str:
    """Text that Slack shows as it is, at most *limit* long and never cut inside an entity.

    What is too long loses its middle.

    >>> escaped("<!channel>", 100), escaped("a<<<<b", 13)
    ('&lt;!channel&gt;', 'a&lt;…&lt;b')
    """
    pieces = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(c, c) for c in text]
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    room = limit - 1
    head = list(_fitting(pieces, room - room // 2))
    tail = list(_fitting(reversed(pieces), room - sum(map(len, head))))
    return "".join([*head, "…", *reversed(tail)])


def sparkline(values: Sequence[float]) -> str:
    """Numbers as bars, between the lowest and the highest of them.

    >>> sparkline([0.45, 0.46, 0.5, 0.71])
    '▁▁▂█'
    """
    low, high = min(values), max(values)
    steps = len(_BARS) - 1
    places = [round((one - low) / (high - low) * steps) if high > low else 0 for one in values]
    return "".join(_BARS[one] for one in places)


def printable(text: str) -> str:
    """A value from data for a terminal, which must not run it.

    >>> printable("a1"), printable("\\x1b[2J")
    ('a1', "'\\\\x1b[2J'")
    """
    return text if text and text.isprintable() else repr(text)


def _cleaned(text: str) -> str:
    kept = (
        character
        for character in text
        if character.isspace()
        or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return " ".join("".join(kept).split())


def _without_middle(text: str, limit: int) -> str:
    """The two ends of a text that is too long, each of whole words where it has some."""
    if len(text) <= limit:
        return text
    room = limit - len(_GAP)
    head = text[: room // 2]
    before, blank, _ = head.rpartition(" ")
    if blank and 2 * len(before) >= len(head):
        head = before
    tail = text[-(room - len(head)) :]
    _, blank, after = tail.partition(" ")
    if blank and 2 * len(after) >= len(tail):
        tail = after
    return f"{head.rstrip()}{_GAP}{tail.lstrip()}"


def _fitting(pieces: Iterable[str], room: int) -> Iterator[str]:
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            return
        yield piece
