"""A secret goes over HTTPS, or stays on this machine."""

import pytest

from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.act.notify.senders.https import refuse_unsafe


@pytest.mark.parametrize(
    "address",
    [
        "http://slack.example.org/api/",
        "http://10.0.0.7/api/",
        "ftp://127.0.0.1/",
        "slack.example.org",
        "https://",
        "https://user:canary@slack.example.org/api/",
        "https://slack.example.org/api/?next=canary",
        "https://slack.example.org/api\n/canary",
        "https://[::1/api",
        "https://slack.example.org:99999/",
    ],
)
def test_a_secret_goes_over_https_or_stays_on_this_machine(address):
    with pytest.raises(Refused, match=r"SLACK_API_URL is no address .* write https://") as caught:
        refuse_unsafe(address, "SLACK_API_URL")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://slack.example.org/api", "http://127.0.0.1:9/api", "http://localhost/x/"]
)
def test_an_address_ends_with_a_slash(address):
    assert refuse_unsafe(address, "X") == f"{address.rstrip('/')}/"
