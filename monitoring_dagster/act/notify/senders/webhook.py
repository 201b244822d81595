"""Signed webhook: any program of the owner's, by the rules of https://www.standardwebhooks.com.

``webhook-id`` is the delivery's id, the same in every attempt, so the receiver can drop doubles: a
request that may have arrived is simply repeated. ``webhook-timestamp`` is the moment of the attempt
in seconds since 1970, and ``webhook-signature`` is ``v1,`` and the base64 of an HMAC-SHA256 over
``id.timestamp.body``. A receiver refuses what is older than five minutes or signed by another key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from monitoring_dagster.act.notify.sender import Posting, Receipt, Refused
from monitoring_dagster.act.notify.senders.https import post_bytes
from monitoring_dagster.report.events import EVENT

VERSION = 1  # of the document
_LEAST_KEY = 16  # bytes


@dataclass(frozen=True)
class Webhook:
    """Sends with one *secret*: any text, or ``whsec_`` and the base64 of a key."""

    secret: str = field(repr=False)
    clock: Callable[[], datetime]

    def send(self, posting: Posting) -> Receipt:
        """Post it, signed anew."""
        body = json.dumps(document_of(posting), ensure_ascii=False).encode()
        sent_at = int(self.clock().timestamp())
        id_ = posting.delivery.id
        signature = sign(self.secret, id_, sent_at, body)
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": signature,
        }
        post_bytes(posting.address, body, headers=headers)
        return Receipt(posting.address, id_)

    def settle(self, posting: Posting) -> None:
        """Post it again, under the same id."""


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``; *timestamp* in seconds since 1970.

    Raises
    ------
    Refused
        The secret is too short to be one.

    >>> sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
    ...      b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = hmac.new(_key(secret), f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{b64encode(key.digest()).decode()}"


def document_of(posting: Posting) -> dict[str, Any]:
    """What the body says: the event as it is kept, and the message as people read it."""
    message, delivery = posting.message, posting.delivery
    return {
        "version": VERSION,
        "delivery_id": delivery.id,
        "incident_id": delivery.incident,
        "sequence": delivery.seq,
        "created_at": delivery.created_at.isoformat(),
        "event": EVENT.dump_python(delivery.event, mode="json"),
        "message": asdict(message),
    }


def _key(secret: str) -> bytes:
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except NoBase64:
            key = b""
    if len(key) < _LEAST_KEY:
        message = f"the webhook's secret has fewer than {_LEAST_KEY} bytes"
        raise Refused(message)
    return key
