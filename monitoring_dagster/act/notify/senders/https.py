"""Requests over HTTPS, each with a certain end: done, refused, refused for ever, or unknown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.spec.channels import is_this_machine


def refuse_unsafe(url: str, variable: str) -> str:
    """The address of an API, with a slash at its end.

    Raises
    ------
    Refused
        A secret would travel in the clear, or to nobody.

    >>> refuse_unsafe("https://slack.example.org/api", "SLACK_API_URL")
    'https://slack.example.org/api/'
    """
    message = (
        f"{variable} is no address to send a secret to: write https://HOST/PATH/ (http:// for this"
        " machine alone, no user, no query), or unset it for the service's own"
    )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Refused(message) from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))
    is_plain = re.fullmatch(r"[\x21-\x7e]+", url) and not (parts.query or parts.fragment)
    if not (host and is_safe and is_plain) or "@" in parts.netloc:
        raise Refused(message)
    return f"{url.rstrip('/')}/"
