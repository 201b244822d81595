"""Where people are told."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from monitoring_dagster.spec.record import Public, Record, matching, shown

_MAX_NAME = 80  # Slack's own


def _channel(name: str) -> str:
    if "{{" in name:  # a template, filled in later
        return name
    bare = name.removeprefix("#")
    if not bare.strip():
        message = 'no channel is named: write its name in quotes, such as "#ml-alerts"'
        raise ValueError(message)
    if "://" in name:
        message = 'this is a URL: write the name of the channel in quotes, such as "#ml-alerts"'
        raise ValueError(message)
    if re.search(r"[\s#,;@.:/]", bare) or not bare.isprintable() or len(bare) > _MAX_NAME:
        message = (
            f"{shown(name)} is no name of one channel: write letters, digits, - and _, at most"
            f' {_MAX_NAME}, such as "#ml-alerts"'
        )
        raise ValueError(message)
    if name.startswith("#") and bare != bare.lower():
        message = f"Slack's channels are lower case. Did you mean {shown(name.lower())}?"
        raise ValueError(message)
    return name


Channel = Annotated[Public, AfterValidator(_channel), matching(r"\{\{|^#?[^\s#,;@.:/]{1,80}$")]


class Channels(Record):
    """Where people are told."""

    slack: Channel = Field(default="#ml-alerts", description="P0 to P2.")
    remind_every_days: int = Field(default=7, ge=1)
    clear_after_days: int = Field(
        default=3, ge=1, description="Days without a finding that close an incident."
    )
