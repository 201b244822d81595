"""E-mail over SMTP: one letter a message, threaded by its headers.

A server says of each step what it took, and then takes the letter or not; only an answer to the
letter itself can be lost. Nobody can look a letter up, so one that may have gone is sent again
under the same Message-ID, by which servers and clients drop doubles.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from typing import Self
from urllib.parse import unquote, urlsplit

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.sender import (
    OUTBOX,
    NotDelivered,
    Posting,
    Receipt,
    Refused,
    RefusedForEver,
    Uncertain,
)
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.messages import to_text
from monitoring_dagster.spec.channels import is_this_machine

_PORTS = {"smtp": 587, "smtps": 465}
_BAD_URL = "SMTP_URL cannot be used: write smtp://USER:PASSWORD@HOST:587, or smtps:// for port 465"
_BAD_FROM = "SMTP_FROM cannot be used: write the address that letters come from"


@dataclass(frozen=True)
class Smtp:
    """Sends over one server, from one address."""

    host: str
    port: int
    sender_address: str
    has_tls: bool  # from the first byte; else STARTTLS, but for this machine
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str, sender_address: str) -> Self:
        """The server at ``smtp://user:password@host:587`` or ``smtps://``.

        Raises
        ------
        Refused
            The address is none, or the sender's; neither is repeated.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise Refused(_BAD_URL) from None
        if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query:
            raise Refused(_BAD_URL)
        if not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", sender_address):
            raise Refused(_BAD_FROM)
        return cls(
            host=host,
            port=port or _PORTS[parts.scheme],
            sender_address=sender_address,
            has_tls=parts.scheme == "smtps",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, posting: Posting) -> Receipt:
        """Hand the letter to the server; where an event only edits, there is nothing to send."""
        event = posting.delivery.event
        letter = letter_of(posting, self.sender_address)
        if isinstance(event, IncidentEvent) and event.quietly:
            return Receipt(posting.address, "")
        failure = self._failure_of(posting.address, letter)
        # Raised out here, so that the library's error, which may hold the letter, is not its
        # context.
        if failure is not None:
            raise failure
        return Receipt(posting.address, str(letter["Message-ID"]))

    def settle(self, posting: Posting) -> None:
        """Send it again: it is the same letter by its Message-ID."""

    def _failure_of(self, address: str, letter: EmailMessage) -> NotDelivered | None:
        try:
            server = self._connected()
        except (smtplib.SMTPException, OSError) as error:
            return Refused(_code(error))
        except NotDelivered as error:
            return error
        with _ended(server):
            return _hand_over(server, self.sender_address, address, letter)

    def _connected(self) -> smtplib.SMTP:
        wait = sender.TIMEOUT_SECONDS
        server = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=wait, context=_trusting())
            if self.has_tls
            else smtplib.SMTP(self.host, self.port, timeout=wait)
        )
        try:
            server.ehlo()
            if not self.has_tls and server.has_extn("starttls"):
                server.starttls(context=_trusting())
                server.ehlo()
            elif not self.has_tls and not is_this_machine(self.host):
                message = "the SMTP server offers no STARTTLS: write smtps://, or another server"
                raise Refused(message)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


@cache
def _trusting() -> ssl.SSLContext:
    """Certificates as this machine trusts them; reading those takes a while."""
    return ssl.create_default_context()


def letter_of(posting: Posting, sender_address: str) -> EmailMessage:
    """The letter: plain text, and headers that put it into the thread of its incident."""
    delivery, message = posting.delivery, posting.message
    domain = sender_address.rpartition("@")[2]
    letter = EmailMessage(policy=SMTP)
    letter["From"] = sender_address
    letter["To"] = posting.address
    letter["Subject"] = message.headline
    letter["Date"] = format_datetime(delivery.created_at)
    letter["Message-ID"] = f"<{delivery.id}@{domain}>"
    before = [one.ts for one in posting.earlier if one.channel != OUTBOX and one.ts]
    if before:
        letter["In-Reply-To"] = before[0]
        letter["References"] = " ".join(dict.fromkeys([before[0], before[-1]]))
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(to_text(message), cte="quoted-printable")
    return letter


def _hand_over(
    server: smtplib.SMTP, sender_address: str, address: str, letter: EmailMessage
) -> NotDelivered | None:
    try:
        code, words = server.mail(sender_address)
        if code != 250:
            return Refused(f"SMTP {code} to the sender")
        code, words = server.rcpt(address)
        if code not in (250, 251):
            is_policy = re.match(rb"5\.7\.", words) is not None  # who may send, not who receives
            certainty = RefusedForEver if code >= 500 and not is_policy else Refused
            return certainty(f"SMTP {code} to the receiver")
    except (smtplib.SMTPException, OSError) as error:
        return Refused(_code(error))  # nothing of the letter was on its way
    try:
        code, _ = server.data(letter.as_bytes())
    except smtplib.SMTPDataError as error:
        code = error.smtp_code
    except (smtplib.SMTPException, OSError) as error:
        return Uncertain(_code(error))
    if code == 250:
        return None
    if code == 421 or not 400 <= code < 600:
        return Uncertain(f"SMTP {code} to the letter")
    return (RefusedForEver if code >= 500 else Refused)(f"SMTP {code} to the letter")


@contextmanager
def _ended(server: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def _code(error: Exception) -> str:
    """What went wrong, without the server's words: some repeat what they were sent."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__
