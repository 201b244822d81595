"""Socket Mode: clicks in Slack reach this machine over a connection that it opens itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.act.notify.senders.slack_calls import client_of

if TYPE_CHECKING:
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest


def connected(
    app_token: str, base_url: str | None, take: Callable[[Mapping[str, Any]], None]
) -> SocketModeClient:
    """A client that hands each click to *take*, and confirms it to Slack once that has returned.

    Slack delivers a click again that nobody confirmed, so *take* may see one twice; what it raises
    leaves it unconfirmed. Close the client to end.

    Raises
    ------
    Refused
        The token can be none, or Slack does not take it.
    """
    from slack_sdk.errors import SlackApiError
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.socket_mode.response import SocketModeResponse

    def listened(client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        if request.type == "interactive":
            take(request.payload)
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    web = client_of(app_token, base_url)
    silent = logging.Logger("slack", level=logging.CRITICAL + 1)  # it logs what it is sent
    client = SocketModeClient(app_token, logger=silent, web_client=web)
    client.socket_mode_request_listeners.append(listened)
    try:
        client.connect()
        failure = None
    except SlackApiError as error:
        failure = Refused(f"SLACK_APP_TOKEN is not taken: {error.response.get('error')}")
    # Raised out here, so that the SDK's error, which holds the token, is not even its context.
    if failure is not None:
        client.close()
        raise failure
    return client
