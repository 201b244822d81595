"""People are notified where the file says, and no secret stands in it."""

from contextlib import suppress

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitoring_dagster.spec.channels import (
    KINDS,
    Channel,
    Channels,
    is_this_machine,
    kind_and_address,
)
from tests.spec.written import told


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        pytest.param("", "no channel is named", id="empty"),
        pytest.param("#", "no channel is named", id="a hash alone"),
        pytest.param("  ", "no channel is named", id="blank"),
        pytest.param("#ml alerts", "no name of one channel", id="a blank inside"),
        pytest.param("#a,#b", "no name of one channel", id="two channels"),
        pytest.param("##a", "no name of one channel", id="two hashes"),
        pytest.param("@ann", "no name of one channel", id="a person"),
        pytest.param("#team/alerts", "no name of one channel", id="a folder"),
        pytest.param("slack:alerts", "no name of one channel", id="a scheme"),
        pytest.param("#ml\x1b[2Jalerts", "no name of one channel", id="what a terminal obeys"),
        pytest.param("#ML-Alerts", "Did you mean '#ml-alerts'?", id="capitals"),
        pytest.param("https://x.slack.com/archives/C1", "this is a URL", id="a link"),
        pytest.param("https://hooks.slack.com/canary", "this is a secret", id="a webhook"),
        pytest.param("xoxb-1-canary", "this is a secret", id="a token"),
        pytest.param(None, "an unquoted # begins a comment", id="a comment"),
        pytest.param(5, "write it in quotes", id="a number"),
        pytest.param("#" + 81 * "a", "at most 80", id="longer than Slack allows"),
    ],
)
def test_a_channel_that_slack_cannot_have_is_refused(channel, words):
    ((place, message),) = told("channels.slack", channel)
    assert place == "channels.slack"
    assert words in message
    assert "canary" not in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "channel",
    ["#ml-alerts", "ml_alerts", "C012ABCDEF", "#für-ml", "{{ env.CHANNEL }}", "#" + 80 * "a"],
)
def test_a_channel_is_a_name_an_id_or_a_template(channel):
    assert told("channels.slack", channel) == []


def test_a_secret_is_not_repeated_to_whoever_reads_the_log():
    ((_, message),) = told("channels.slack", "xoxb-123-secret")
    assert "this is a secret" in message
    assert "SLACK_BOT_TOKEN" in message
    assert "xoxb-123" not in message


@pytest.mark.parametrize("key", ["remind_every_days", "clear_after_days"])
def test_a_reminder_and_an_end_need_a_day_at_least(key):
    assert getattr(Channels(**{key: 1}), key) == 1
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Channels(**{key: 0})


CHANNEL = TypeAdapter(Channel)
SCHEMA = jsonschema.Draft202012Validator(CHANNEL.json_schema())
CHARACTERS = st.sampled_from("#aZ0-_./:@,; ü{\x00\n")


@given(st.text(CHARACTERS, max_size=6))
def test_a_channel_that_is_right_is_right_in_an_editor_too(channel):
    """Else Dagster would refuse it in words that nobody understands."""
    with suppress(ValidationError):
        CHANNEL.validate_python(channel)
        assert SCHEMA.is_valid(channel)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("email", ["ann"], "no e-mail address", id="a name"),
        pytest.param("email", ["a@example.org, b@example.org"], "no e-mail address", id="two"),
        pytest.param("email", ["a@example.org\nBcc: canary@example.org"], "no e-mail address",
                     id="a second header"),
        pytest.param("email", "a@example.org", "a list", id="an address without a list"),
        pytest.param("pagerduty", "R01CANARY23456789", "write the name of the environment variable",
                     id="a routing key"),
        pytest.param("pagerduty", "PAGERDUTY_API_TOKEN", "not the key of any service",
                     id="what PagerDuty is asked by"),
        pytest.param("apprise", "mailto://me:canary@example.org", "never the secret", id="a URL"),
        pytest.param("webhook", "http://example.org/ml", "write https://", id="in the clear"),
        pytest.param("webhook", "https://me:canary@example.org/", "keep it out of YAML",
                     id="a password"),
        pytest.param("webhook", "https://hooks.slack.com/canary", "this is a secret", id="Slack's"),
        pytest.param("alertmanager", "alertmanager:9093", "write https://", id="no scheme"),
        pytest.param("alertmanager", "https://[::1", "write https://", id="half an address"),
        pytest.param("pagerduty", None, "nothing is written here", id="nothing"),
    ],
)  # fmt: skip
def test_a_receiver_that_cannot_be_meant_is_refused_without_a_secret(key, value, words):
    ((place, message),) = told(f"channels.{key}", value)
    assert place.startswith(f"channels.{key}")
    assert words in message
    assert "canary" not in message.lower()


@pytest.mark.parametrize(
    ("written", "destinations"),
    [
        pytest.param({}, ("slack:#ml-alerts",), id="nothing: the usual channel"),
        pytest.param({"remind_every_days": 3}, ("slack:#ml-alerts",), id="no receiver"),
        pytest.param({"email": ["a@b.org"]}, ("email:a@b.org",), id="no Slack beside it"),
        pytest.param(
            {"slack": "C012ABCDEF", "email": ["a@b.org", "c@d.org", "a@b.org"],
             "pagerduty": "PAGERDUTY_RISK", "alertmanager": "http://127.0.0.1:9093",
             "webhook": "https://example.org/ml?team=7", "apprise": "{{ env.APPRISE }}"},
            ("slack:C012ABCDEF", "email:a@b.org", "email:c@d.org", "pagerduty:PAGERDUTY_RISK",
             "alertmanager:http://127.0.0.1:9093", "webhook:https://example.org/ml?team=7",
             "apprise:{{ env.APPRISE }}"),
            id="all of them, each once",
        ),
    ],
)  # fmt: skip
def test_a_destination_names_its_kind(written, destinations):
    found = Channels.model_validate(written).destinations
    assert found == destinations
    assert {kind_and_address(one)[0] for one in found} <= {*KINDS}
    assert all(":".join(kind_and_address(one)) == one for one in found)


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.7", False),
        ("a.org", False),
    ],
)
def test_what_is_sent_to_this_machine_may_go_unencrypted(host, stays):
    assert is_this_machine(host) is stays


TO_RISK = {"email": ["risk@example.org"]}


def test_a_route_is_written_as_in_alertmanager():
    written = {"match": ["severity=~P0|P1", "family=service"], "continue": True} | TO_RISK
    (route,) = Channels.model_validate({"routes": [written]}).routes
    assert [str(one) for one in route.matchers] == written["match"]
    assert (route.goes_on, route.when, route.destinations) == (
        True, None, ("email:risk@example.org",)
    )  # fmt: skip
    assert route.model_dump(mode="json", exclude_unset=True) == written, "as Dagster hands it on"


@pytest.mark.parametrize(
    ("routes", "place", "words"),
    [
        pytest.param([{"match": ["severity=P9"]} | TO_RISK], "0.match.0",
                     "there is no severity 'P9'. It has: P0, P1, P2, P3.", id="no such severity"),
        pytest.param([{"match": ["sevrity=P1"]} | TO_RISK], "0.match.0",
                     "Did you mean 'severity'?", id="no such name"),
        pytest.param([{"match": ["P1"]} | TO_RISK], "0.match.0", "is no matcher: write a name",
                     id="no matcher"),
        pytest.param([{"match": "severity=P1"} | TO_RISK], "0.match", "a list", id="no list"),
        pytest.param([{"match": ["model=xoxb-canary"]} | TO_RISK], "0.match.0",
                     "this is a secret", id="a secret"),
        pytest.param([{"match": ["severity=P1"]}], "0",
                     "this route leads nowhere: write a receiver", id="no receiver"),
        pytest.param([{"contine": True} | TO_RISK], "0.contine", "Did you mean 'continue'?",
                     id="a misspelt key"),
        pytest.param([{"goes_on": True} | TO_RISK], "0.goes_on", "there is no key 'goes_on'",
                     id="a name of ours"),
        pytest.param([{"when": "night"} | TO_RISK], "0.when", "'always' or 'business_hours'",
                     id="another time"),
        pytest.param([{"pagerduty": "R01CANARY23456789"}], "0.pagerduty", "never the secret",
                     id="a routing key"),
        pytest.param([TO_RISK, TO_RISK], "1", "route 1 takes every one",
                     id="a route that nothing reaches"),
    ],
)  # fmt: skip
def test_a_route_that_cannot_be_meant_is_refused_at_its_place(routes, place, words):
    ((found, message),) = told("channels.routes", routes)
    assert found == f"channels.routes.{place}"
    assert words in message
    assert "canary" not in message.lower()


def test_the_last_route_may_take_every_message_and_so_may_one_that_goes_on():
    match = {"match": ["severity=P1"]}
    routes = [{"continue": True} | TO_RISK, match | TO_RISK, TO_RISK]
    assert told("channels.routes", routes) == []
    assert told("channels.routes", [{"match": ["model={{ env.M }}"]} | TO_RISK]) == []
