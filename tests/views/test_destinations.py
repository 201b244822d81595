"""Where a message would go is answered by what sends it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.channels import Route
from monitoring_dagster.spec.schedule import BusinessHours
from monitoring_dagster.views.destinations import destinations_of
from tests.tiny import monitor_of

SATURDAY = datetime(2026, 3, 7, 12, tzinfo=UTC)
ROUTES = (
    Route(match=["severity=~P0|P1", "family=service"], pagerduty="PAGERDUTY_RISK"),
    Route(match=["segment=country=DE"], slack="#germany", when="business_hours"),
)


@pytest.fixture
def monitor(tmp_path):
    monitor = monitor_of(tmp_path, channels={"email": ["a@example.org"]})
    routing = Routing(ROUTES, BusinessHours(time_zone="Europe/Berlin"))
    return replace(monitor, house=replace(monitor.house, routing=routing))


def asked(monitor, severity="P1", **more):
    return destinations_of(
        monitor, severity=Severity(severity) if severity else None, now=SATURDAY, **more
    )


def test_a_route_says_who_and_the_hours_say_when(monitor):
    assert asked(monitor, family="service").words == (
        "pagerduty:PAGERDUTY_RISK  at once\n"
        "by pyproject.toml, routes 1: severity=~P0|P1 family=service\n"
        "due Mon 2026-03-09 10:00 CET"
    )
    assert asked(monitor, segment="country=DE").words == (
        "slack:#germany  not before Mon 2026-03-09 09:00 CET\n"
        "by pyproject.toml, routes 2: segment=country=DE\n"
        "due Mon 2026-03-09 10:00 CET"
    )


def test_without_a_route_the_receivers_of_the_model_hear_it(monitor):
    assert asked(monitor, "P2").words == (
        "email:a@example.org  not before Mon 2026-03-09 09:00 CET\n"
        "by no route: the receivers of the model\n"
        "due Tue 2026-03-10 09:00 CET"
    )


def test_a_kind_brings_its_family_and_an_announcement_is_due_never(monitor):
    found = asked(monitor, kind=FindingKind.SERVICE_ERRORS)
    assert found.labels["family"] == "service"
    assert found.routed.destinations == ("pagerduty:PAGERDUTY_RISK",)
    announced = asked(monitor, None, kind=FindingKind.SERVICE_ERRORS)
    assert (announced.due, announced.routed.destinations) == (None, ("email:a@example.org",))


def test_who_is_on_call_is_named(monitor):
    (monitor.root / "on_call.yaml").write_text("2026-W10: ada\n")
    assert asked(monitor).words.endswith("on call ada")
    assert asked(monitor).to_dict()["on_call"] == "ada"
    (monitor.root / "on_call.yaml").write_text("2026-W10\n")
    assert asked(monitor).on_call.startswith("unknown (on_call.yaml: ")
