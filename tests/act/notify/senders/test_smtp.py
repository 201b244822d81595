"""E-mail: a letter a message, in its thread, and what the server says of each step."""

import pickle
import smtplib
import socket
import ssl
import traceback

import pytest

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.sender import NotDelivered, Refused, RefusedForEver, Uncertain
from monitoring_dagster.act.notify.senders.smtp import Smtp, letter_of
from tests.act.notify.written import EVENTS, assert_golden, posting
from tests.fake_smtp import MailFault

ANN = "email:ann@example.org"


@pytest.fixture
def smtp(mail):
    return Smtp.at(mail.environment["SMTP_URL"], mail.environment["SMTP_FROM"])


@pytest.mark.parametrize("name", EVENTS)
def test_a_letter_reads_as_it_is_kept(name):
    letter = letter_of(posting(name, ANN), "ml@example.org").as_bytes().decode("ascii")
    assert_golden(f"email_{name}.eml", letter.replace("\r\n", "\n"))


def test_a_thread_hangs_together_by_its_headers(smtp, mail):
    for name in ("first", "worse", "resolved"):  # an acknowledgement lies between
        smtp.send(posting(name, ANN))
    first, worse, resolved = mail.letters
    assert worse["In-Reply-To"] == resolved["In-Reply-To"] == first["Message-ID"]
    assert resolved["References"].split()[0] == first["Message-ID"]
    assert len({one["Message-ID"] for one in mail.letters}) == 3
    assert "größe" in first.get_content()


def test_the_receipt_is_the_message_id_and_the_same_for_every_attempt(smtp, mail):
    receipts = {smtp.send(posting("first", ANN)) for _ in range(2)}
    ((channel, ts),) = [(one.channel, one.ts) for one in receipts]
    assert (channel, ts) == ("ann@example.org", mail.letters[0]["Message-ID"])
    assert len(mail.to("ann@example.org")) == 1, "a client drops the double"


def test_what_edits_alone_is_no_letter(smtp, mail):
    from dataclasses import replace

    quiet = posting("resolved", ANN)
    event = replace(quiet.delivery.event, quietly=True)
    smtp.send(replace(quiet, delivery=replace(quiet.delivery, event=event)))
    assert mail.letters == []


@pytest.mark.parametrize(
    ("fault", "certainty"),
    [
        (MailFault.RECEIVER_UNKNOWN, RefusedForEver),
        (MailFault.RELAY_DENIED, Refused),
        (MailFault.RECEIVER_LATER_BEFORE, Refused),
        (MailFault.LETTER_REFUSED, RefusedForEver),
        (MailFault.LETTER_LATER_BEFORE, Refused),
        (MailFault.CUT_BEFORE, Uncertain),
        (MailFault.CUT_AFTER, Uncertain),
        (MailFault.HANG_AFTER, Uncertain),
    ],
)
def test_each_step_has_its_certainty(smtp, mail, monkeypatch, fault, certainty):
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.5)
    mail.hang_seconds = 1
    mail.fault = lambda receiver: fault
    with pytest.raises(NotDelivered) as caught:
        smtp.send(posting("first", ANN))
    assert type(caught.value) is certainty
    assert caught.value.__context__ is None
    assert "spam" not in str(caught.value), "the server's words may repeat what it was sent"
    assert len(mail.letters) == fault.spares_the_effect


def test_a_wrong_password_is_a_setting_and_is_not_repeated(mail):
    url = mail.environment["SMTP_URL"].replace("canary", "wrong-canary")
    with pytest.raises(Refused, match="SMTPAuthenticationError 535") as caught:
        Smtp.at(url, "ml@example.org").send(posting("first", ANN))
    said = "".join(traceback.format_exception(caught.value)) + str(pickle.dumps(caught.value))
    assert "canary" not in said + repr(Smtp.at(url, "ml@example.org"))


def test_nobody_listens_is_a_certain_refusal():
    with pytest.raises(Refused, match="ConnectionRefusedError"):
        Smtp.at("smtp://127.0.0.1:9", "ml@example.org").send(posting("first", ANN))


class Plain(smtplib.SMTP):
    """A server elsewhere that offers no encryption."""

    def __init__(self, *_, **__):
        super().__init__()

    def ehlo(self, name=""):
        return 250, b""


def test_no_password_goes_out_in_the_clear(monkeypatch):
    monkeypatch.setattr(smtplib, "SMTP", Plain)
    with pytest.raises(Refused, match="offers no STARTTLS"):
        Smtp.at("smtp://me:canary@mail.example.org", "ml@example.org").send(posting("first", ANN))


def test_tls_from_the_first_byte_is_asked_of_the_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        smtp = Smtp.at(f"smtps://127.0.0.1:{port}", "ml@example.org")
        assert smtp.has_tls
        server.settimeout(0)
        assert isinstance(ssl.create_default_context(), ssl.SSLContext)


@pytest.mark.parametrize(
    ("url", "port", "has_tls"),
    [
        ("smtp://mail.example.org", 587, False),
        ("smtp://mail.example.org:25", 25, False),
        ("smtps://mail.example.org", 465, True),
    ],
)
def test_the_scheme_says_the_port_and_the_encryption(url, port, has_tls):
    found = Smtp.at(url, "ml@example.org")
    assert (found.host, found.port, found.has_tls) == ("mail.example.org", port, has_tls)


@pytest.mark.parametrize(
    ("url", "sender_address", "words"),
    [
        ("mail.example.org", "ml@example.org", "SMTP_URL cannot be used"),
        ("http://me:canary@mail.example.org", "ml@example.org", "SMTP_URL cannot be used"),
        ("smtp://me:canary@mail:port", "ml@example.org", "SMTP_URL cannot be used"),
        ("smtp://", "ml@example.org", "SMTP_URL cannot be used"),
        ("smtp://mail/inbox", "ml@example.org", "SMTP_URL cannot be used"),
        ("smtp://mail", "ml", "SMTP_FROM cannot be used"),
        ("smtp://mail", "a@b\nBcc: c@d", "SMTP_FROM cannot be used"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url, sender_address, words):
    with pytest.raises(Refused, match=words) as caught:
        Smtp.at(url, sender_address)
    assert "canary" not in str(caught.value)
