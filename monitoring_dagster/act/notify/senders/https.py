"""Requests over HTTPS, each with a certain end: done, refused, refused for ever, or unknown."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.sender import NotDelivered, Refused, RefusedForEver, Uncertain
from monitoring_dagster.spec.channels import is_this_machine

_BAD_MESSAGE = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})  # it would be again
_LONGEST_ANSWER = 200_000  # bytes
_BAD_SETTING = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 407})  # until somebody mends it


def post(url: str, document: Any, *, headers: Mapping[str, str] | None = None) -> None:
    """Send *document* as JSON to *url*, once; redirects are not followed.

    Raises
    ------
    Refused, RefusedForEver, Uncertain
        They hold a status or the name of an error, and nothing of what was sent.
    """
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    post_bytes(url, body, headers=headers)


def post_bytes(url: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> None:
    """The same, of JSON that is written already."""
    failure = _failure_of(url, body, {"Content-Type": "application/json", **(headers or {})})
    # Raised out here, so that the library's error, which holds the request, is not its context.
    if failure is not None:
        raise failure


def _failure_of(url: str, body: bytes, headers: Mapping[str, str]) -> NotDelivered | None:
    import requests

    try:
        with requests.post(
            url,
            data=body,
            headers=dict(headers),
            timeout=sender.TIMEOUT_SECONDS,
            allow_redirects=False,
            auth=_nobody,
            stream=True,  # the status is the answer: a body may be endless
        ) as answer:
            status = answer.status_code
    except requests.ConnectTimeout:
        return Refused("ConnectTimeout")
    except requests.ConnectionError as error:
        return _unconnected(error)
    except requests.RequestException as error:
        return Uncertain(type(error).__name__)
    if 200 <= status < 300:
        return None
    if status in _BAD_MESSAGE:
        return RefusedForEver(f"HTTP {status}")
    return Refused(f"HTTP {status}") if status in _BAD_SETTING else Uncertain(f"HTTP {status}")


def get_json(
    url: str,
    parameters: Mapping[str, str],
    *,
    headers: Mapping[str, str],
    timeout_seconds: float,
) -> Any:
    """The JSON that *url* answers with, asked once; redirects are not followed.

    Raises
    ------
    Refused
        It holds a status or the name of an error, and nothing of what was sent or answered.
    """
    body = _body_of(url, parameters, headers, timeout_seconds)
    if isinstance(body, bytes):
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            body = Refused("the answer is no JSON")
    raise body


def _body_of(
    url: str, parameters: Mapping[str, str], headers: Mapping[str, str], timeout_seconds: float
) -> bytes | Refused:
    import requests

    end, body = time.monotonic() + timeout_seconds, bytearray()
    try:
        with requests.get(
            url,
            params=dict(parameters),
            headers={"Accept-Encoding": "identity", **headers},
            timeout=timeout_seconds,
            allow_redirects=False,
            auth=_nobody,
            stream=True,
        ) as answer:
            if answer.status_code != 200:
                return Refused(f"HTTP {answer.status_code}")
            for byte in answer.iter_content(1):  # a longer piece is waited for until it is whole
                body += byte
                if time.monotonic() > end:
                    return Refused("ReadTimeout")
                if len(body) > _LONGEST_ANSWER:
                    return Refused("the answer is too long")
    except (requests.RequestException, ValueError) as error:
        return Refused(type(error).__name__)
    return bytes(body)


def _unconnected(error: Exception) -> NotDelivered:
    """Whether a byte can have been sent before the connection broke."""
    from urllib3.exceptions import NewConnectionError

    reason = getattr(next(iter(error.args), None), "reason", None)
    if isinstance(reason, NewConnectionError):  # no such host, nobody listens
        return Refused(type(reason).__name__)
    return Uncertain(type(error).__name__)


def _nobody(request: Any) -> Any:
    """No credentials: the library would take those of ~/.netrc, and those of an address."""
    return request


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
