"""Apprise: other services, at least once, and without a word in a log."""

import logging
from dataclasses import replace
from importlib.util import find_spec

import pytest

from monitoring_dagster.act.notify.sender import Refused, Uncertain
from monitoring_dagster.act.notify.senders import apprise_urls
from monitoring_dagster.act.notify.senders.apprise_urls import AppriseUrls
from monitoring_dagster.report.messages import to_text
from tests.act.notify.written import EVENTS, assert_golden, posting

TEAM = "apprise:APPRISE_TEAM"
needs_apprise = pytest.mark.skipif(
    find_spec("apprise") is None, reason="apprise is not installed: pip install apprise"
)


def at(receivers, path="/plain"):
    """Apprise's own kind of plain JSON over HTTP, with a secret in its address."""
    address = receivers.base_url.replace("http://", "json://me:canary@")
    return AppriseUrls({"APPRISE_TEAM": f"{address}{path}"})


@pytest.mark.parametrize("name", EVENTS)
def test_a_text_reads_as_it_is_kept(name):
    message = posting(name, TEAM).message
    assert_golden(f"apprise_{name}.txt", f"{message.headline}\n\n{to_text(message)}\n")


@needs_apprise
def test_a_service_is_told(receivers):
    first = posting("first", TEAM)
    assert AppriseUrls(receivers.environment).send(first).channel == "APPRISE_TEAM"
    assert receivers.texts == [first.message.headline]


@needs_apprise
def test_what_a_service_did_not_take_may_have_arrived_all_the_same(receivers):
    with pytest.raises(Uncertain, match="did not take it"):
        at(receivers, "/nowhere").send(posting("first", TEAM))
    assert at(receivers).settle(posting("first", TEAM)) is None


@needs_apprise
def test_an_address_that_apprise_does_not_know_is_a_setting():
    with pytest.raises(Refused, match="APPRISE_TEAM holds no URL that Apprise knows"):
        AppriseUrls({"APPRISE_TEAM": "canary"}).send(posting("first", TEAM))


@needs_apprise
def test_no_address_is_logged_or_shown(receivers, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Uncertain):
        at(receivers, "/canary").send(posting("first", TEAM))
    assert "canary" not in "".join([caplog.text, repr(at(receivers)), *capfd.readouterr()])
    assert logging.getLogger("apprise").level == logging.NOTSET, "as it was before"


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(apprise_urls, "find_spec", lambda name: None)
    with pytest.raises(Refused, match="pip install"):
        AppriseUrls({"APPRISE_TEAM": "json://h"}).send(posting("first", TEAM))


def test_what_edits_alone_is_not_sent():
    quiet = posting("resolved", TEAM)
    event = replace(quiet.delivery.event, quietly=True)
    whole = replace(quiet, delivery=replace(quiet.delivery, event=event))
    assert AppriseUrls({}).send(whole).ts == ""
