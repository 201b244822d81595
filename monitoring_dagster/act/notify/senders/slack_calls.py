"""Calls of Slack's Web API, each of a certain end: done, refused, refused for ever, unknown."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.sender import NotDelivered, Refused, RefusedForEver, Uncertain

if TYPE_CHECKING:
    from slack_sdk import WebClient

# Slack refused before it did anything. These refuse the message itself and would do so again ...
_BAD_MESSAGE = frozenset(
    {
        "cannot_reply_to_message", "invalid_arguments", "invalid_attachments", "invalid_blocks",
        "invalid_blocks_format", "invalid_metadata_format", "invalid_metadata_schema",
        "metadata_too_large", "msg_blocks_too_long", "msg_too_long", "no_text",
        "thread_not_found", "too_many_attachments",
    }
)  # fmt: skip
# ... and these refuse us, until somebody invites the app or mends its token.
_BAD_SETTING = frozenset(
    {
        "access_denied", "account_inactive", "cant_update_message", "channel_not_found",
        "ekm_access_denied", "invalid_auth", "is_archived", "message_not_found", "missing_scope",
        "no_permission", "not_allowed_token_type", "not_authed", "not_in_channel",
        "org_login_required", "restricted_action", "team_access_not_granted", "token_expired",
        "token_revoked",
    }
)  # fmt: skip


def client_of(token: str, base_url: str | None) -> WebClient:
    """A client of the Web API. Raises Refused: the token has characters that no token has."""
    from slack_sdk import WebClient

    if not re.fullmatch(r"[\x21-\x7e]+", token):
        message = (  # urllib would quote it in its complaint
            "SLACK_BOT_TOKEN has characters no token has (a line break, perhaps, or quotes): copy"
            " it again"
        )
        raise Refused(message)
    # The SDK logs bodies and repeats a request whose answer was lost: both are ours to decide.
    silent = logging.Logger("slack", level=logging.CRITICAL + 1)
    return WebClient(
        token=token,
        base_url=base_url or WebClient.BASE_URL,
        timeout=sender.TIMEOUT_SECONDS,
        retry_handlers=[],
        logger=silent,
    )


def call(method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """Slack's answer. Raises Refused, RefusedForEver, Uncertain, which hold nothing but a code."""
    try:
        answer = method(**arguments)
        data: Mapping[str, Any] = dict(answer.data)
        needed = {"chat_postMessage": ("channel", "ts"), "conversations_list": ("channels",)}
        missing = [key for key in needed.get(method.__name__, ()) if key not in data]
        failure: NotDelivered | None = Uncertain("unreadable answer") if missing else None
    except Exception as error:
        failure = _failure(error)
    # Raised out here, so that the SDK's error, which holds the token, is not even its context.
    if failure is not None:
        raise failure
    return data


def _failure(error: Exception) -> NotDelivered:
    from slack_sdk.errors import SlackApiError

    if isinstance(error, URLError):
        before_the_first_byte = isinstance(error.reason, ConnectionRefusedError | socket.gaierror)
        certainty = Refused if before_the_first_byte else Uncertain
        return certainty(type(error.reason).__name__)
    if not isinstance(error, SlackApiError):
        return Uncertain(type(error).__name__)
    response = error.response
    code = str(response.get("error", ""))
    if not re.fullmatch(r"[a-z_]{1,60}", code):
        code = f"HTTP {response.status_code}"
    if response.status_code == 200 and code in _BAD_MESSAGE:
        return RefusedForEver(code)
    if response.status_code == 200 and code in _BAD_SETTING:
        return Refused(code)
    doubt = Uncertain(code)
    wait = {k.lower(): v for k, v in response.headers.items()}.get("retry-after", "")
    if response.status_code == 429 and re.fullmatch(r"\d+(\.\d+)?", str(wait)):
        doubt.retry_after_seconds = float(wait)
    return doubt
