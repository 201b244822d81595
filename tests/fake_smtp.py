"""A mail server on loopback, by aiosmtpd: it keeps what it took, and fails on request."""

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from enum import Enum
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "ml", "canary%2Fpassword"  # as it is written in a URL


class MailFault(Enum):
    """What goes wrong with one letter; BEFORE means that it was not taken, AFTER that it was."""

    RECEIVER_UNKNOWN = "550 5.1.1 no such user"
    RELAY_DENIED = "550 5.7.1 relaying denied"
    RECEIVER_LATER_BEFORE = "450 4.2.1 try later"
    LETTER_REFUSED = "554 5.6.0 spam"
    LETTER_LATER_BEFORE = "451 4.3.0 try later"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    HANG_AFTER = "hang after"

    @property
    def spares_the_effect(self) -> bool:
        return self.name.endswith("_AFTER")


@dataclass
class FakeSmtp:
    """``fault(receiver)`` says what happens to the next letter."""

    fault: Callable[[str], MailFault | None] = lambda receiver: None
    hang_seconds: float = 2
    letters: list[EmailMessage] = field(default_factory=list)

    def __enter__(self) -> Self:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # what the server itself says
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = asyncio.run_coroutine_threadsafe(self._listening(), self.loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._ended(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _listening(self) -> asyncio.Server:
        def connection() -> SMTP:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a password in the clear is for loopback alone
                return SMTP(
                    self,
                    auth_required=True,
                    auth_require_tls=False,
                    authenticator=_known,
                    loop=self.loop,
                )

        return await self.loop.create_server(connection, "127.0.0.1", 0)

    async def _ended(self) -> None:
        self.server.close()
        others = [one for one in asyncio.all_tasks(self.loop) if one is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a project needs to send here."""
        port = self.server.sockets[0].getsockname()[1]
        return {
            "SMTP_URL": f"smtp://{USER}:{PASSWORD}@127.0.0.1:{port}",
            "SMTP_FROM": "ml@example.org",
        }

    def to(self, receiver: str) -> dict[str, EmailMessage]:
        """What a client shows of *receiver*'s letters: those with one Message-ID are one."""
        return {str(one["Message-ID"]): one for one in self.letters if one["To"] == receiver}

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        session.fault = self.fault(address)
        refusals = (
            MailFault.RECEIVER_UNKNOWN,
            MailFault.RELAY_DENIED,
            MailFault.RECEIVER_LATER_BEFORE,
        )
        if session.fault in refusals:
            return str(session.fault.value)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        fault = session.fault
        if fault is None or fault.spares_the_effect:
            letter = message_from_bytes(envelope.content, policy=default)
            self.letters.append(cast(EmailMessage, letter))
        match fault:
            case MailFault.LETTER_REFUSED | MailFault.LETTER_LATER_BEFORE:
                return str(fault.value)
            case MailFault.CUT_BEFORE | MailFault.CUT_AFTER:
                server.transport.abort()
            case MailFault.HANG_AFTER:
                await asyncio.sleep(self.hang_seconds)
        return "250 OK"


def _known(
    server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
) -> AuthResult:
    right = (USER.encode(), PASSWORD.replace("%2F", "/").encode())
    return AuthResult(success=(data.login, data.password) == right, handled=False)
