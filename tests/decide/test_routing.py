"""The first route that matches decides; what is not urgent waits for business hours."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.routing import Routing, due_at, routed
from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.channels import Channels, Route
from monitoring_dagster.spec.schedule import BusinessHours

BERLIN = BusinessHours(time_zone="Europe/Berlin", end="18:00", holidays=[date(2026, 12, 25)])
SATURDAY, TUESDAY = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 1, 6, 12, tzinfo=UTC)
MONDAY = datetime(2026, 1, 12, 8, tzinfo=UTC)  # 9 in Berlin
PAGE, CHAT, MAIL = "pagerduty:PAGERDUTY_RISK", "slack:#platform", "email:a@example.org"


def labels(**changed):
    return {
        "model": "credit",
        "family": "service",
        "kind": "service_errors",
        "severity": "P0",
        "owner": "team:risk",
        "segment": "",
    } | changed


def route(*match, to=CHAT, when=None, goes_on=False):
    kind, address = to.split(":", 1)
    written = {"match": list(match), kind: [address] if kind == "email" else address}
    return Route.model_validate(written | {"when": when, "continue": goes_on})


def sent(*, routes=(), project=(), now=TUESDAY, **changed):
    channels = Channels(email=["a@example.org"], routes=list(routes))
    return routed([labels(**changed)], channels, Routing(tuple(project), BERLIN), now=now)


URGENT = route("severity=~P0|P1", "family=service", to=PAGE)


@pytest.mark.parametrize(
    ("routes", "project", "changed", "destinations"),
    [
        pytest.param([], [], {}, (MAIL,), id="no route: the model's receivers"),
        pytest.param([], [URGENT], {}, (PAGE,), id="a route of the project"),
        pytest.param([], [URGENT], {"severity": "P2"}, (MAIL,), id="one matcher does not match"),
        pytest.param([], [URGENT], {"severity": ""}, (MAIL,), id="an announcement has no severity"),
        pytest.param([], [route()], {"severity": ""}, (CHAT,), id="a route for every message"),
        pytest.param([route()], [URGENT], {}, (CHAT,), id="the model's routes come first"),
        pytest.param([route("model=churn")], [URGENT], {}, (PAGE,), id="and then the project's"),
        pytest.param(
            [], [URGENT, route()], {}, (PAGE,), id="the first that matches decides: no second one"
        ),
        pytest.param(
            [], [route(to=PAGE, goes_on=True), route()], {}, (PAGE, CHAT), id="but if it goes on"
        ),
        pytest.param(
            [route(goes_on=True)], [URGENT], {}, (CHAT, PAGE), id="on to the project's routes"
        ),
        pytest.param(
            [], [route(goes_on=True)], {}, (CHAT,), id="what went on and met none has its receiver"
        ),
        pytest.param(
            [], [route(goes_on=True), route()], {}, (CHAT,), id="a receiver of two hears it once"
        ),
    ],
)
def test_who_receives_a_message(routes, project, changed, destinations):
    assert sent(routes=routes, project=project, **changed).destinations == destinations


@pytest.mark.parametrize(
    ("severity", "when", "not_before"),
    [
        pytest.param("P0", None, None, id="P0 goes out at once"),
        pytest.param("P1", None, None, id="P1 too"),
        pytest.param("P2", None, MONDAY, id="P2 waits until people begin"),
        pytest.param("", None, None, id="an announcement goes out at once"),
        pytest.param("P1", "business_hours", MONDAY, id="a route lets P1 wait"),
        pytest.param("", "business_hours", MONDAY, id="or an announcement"),
        pytest.param("P2", "always", None, id="or lets P2 out at once"),
    ],
)
def test_when_a_message_of_a_saturday_goes_out(severity, when, not_before):
    found = sent(project=[route(when=when)], severity=severity, now=SATURDAY)
    assert found.at(CHAT) == not_before


def test_in_business_hours_nothing_waits():
    found = sent(project=[route(when="business_hours")], severity="P2", now=TUESDAY)
    assert found.at(CHAT) == TUESDAY


def test_where_a_thread_stands_without_a_route_its_severity_decides():
    always = [route(when="always")]
    assert sent(project=always, severity="P2", now=SATURDAY).at(MAIL) == MONDAY
    assert sent(project=[route(when="business_hours")], now=SATURDAY).at(MAIL) is None


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_routes_to_one_receiver_the_sooner_counts(order):
    both = [route(goes_on=True, when="always"), route(goes_on=True, when="business_hours")]
    assert sent(project=both[::order], now=SATURDAY).at(CHAT) is None


def test_it_says_which_routes_matched():
    found = sent(routes=[route(goes_on=True)], project=[route("model=x"), URGENT])
    assert found.by == (
        "channels.routes 1: every message",
        "pyproject.toml, routes 2: severity=~P0|P1 family=service",
    )
    assert sent().by == ()


def here(words):
    return datetime.strptime(words, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("raised", "p1", "p2", "p3"),
    [
        pytest.param("2026-01-06 10:00", "2026-01-06 11:00", "2026-01-07 10:00",
                     "2026-01-12 09:00", id="a Tuesday at work"),
        pytest.param("2026-01-06 06:00", "2026-01-06 10:00", "2026-01-07 09:00",
                     "2026-01-12 09:00", id="before work: it counts from its beginning"),
        pytest.param("2026-01-06 09:00", "2026-01-06 10:00", "2026-01-07 09:00",
                     "2026-01-12 09:00", id="as work begins"),
        pytest.param("2026-01-06 17:00", "2026-01-06 18:00", "2026-01-07 17:00",
                     "2026-01-12 09:00", id="an hour before the end"),
        pytest.param("2026-01-06 17:45", "2026-01-07 09:45", "2026-01-07 17:45",
                     "2026-01-12 09:00", id="a quarter before the end"),
        pytest.param("2026-01-06 18:00", "2026-01-07 10:00", "2026-01-08 09:00",
                     "2026-01-12 09:00", id="at the end"),
        pytest.param("2026-01-09 20:00", "2026-01-12 10:00", "2026-01-13 09:00",
                     "2026-01-12 09:00", id="Friday evening"),
        pytest.param("2026-01-11 12:00", "2026-01-12 10:00", "2026-01-13 09:00",
                     "2026-01-12 09:00", id="Sunday"),
        pytest.param("2026-01-12 08:59", "2026-01-12 10:00", "2026-01-13 09:00",
                     "2026-01-19 09:00", id="Monday, and planning is that of next week"),
        pytest.param("2026-12-24 17:30", "2026-12-28 09:30", "2026-12-28 17:30",
                     "2026-12-28 09:00", id="the evening before a holiday"),
        pytest.param("2026-03-27 17:30", "2026-03-30 09:30", "2026-03-30 17:30",
                     "2026-03-30 09:00", id="clocks go forward at the weekend"),
        pytest.param("2026-10-23 17:30", "2026-10-26 09:30", "2026-10-26 17:30",
                     "2026-10-26 09:00", id="clocks go back at the weekend"),
    ],
)  # fmt: skip
def test_by_when_somebody_should_look(raised, p1, p2, p3):
    wanted = dict(zip(Severity, (raised, p1, p2, p3), strict=True))
    found = {one: due_at(one, here(raised).astimezone(UTC), BERLIN) for one in Severity}
    assert found == {one: here(words) for one, words in wanted.items()}


MOMENTS = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moment=MOMENTS, zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_the_more_urgent_is_never_due_later_and_nothing_is_due_before_it_arose(moment, zone):
    hours = BusinessHours(time_zone=zone)
    p0, p1, p2, p3 = (due_at(one, moment, hours) for one in Severity)
    assert moment == p0 < p1 < p2
    assert p3 > moment


def test_a_message_about_several_rules_goes_wherever_one_of_them_leads():
    """Two segments fell, and one of them has people of its own."""
    germany = route("segment=country=DE", to="slack:#germany", when="business_hours")
    signs = [labels(severity="P2", segment=one) for one in ("country=DE", "country=FR")]
    channels = Channels(email=["a@example.org"])
    found = routed(signs, channels, Routing((germany,), BERLIN), now=SATURDAY)
    assert found.destinations == ("slack:#germany", MAIL)
    assert found.by == ("pyproject.toml, routes 1: segment=country=DE",)


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_rules_the_most_urgent_says_when(order):
    signs = [labels(severity=one) for one in ("P1", "P2")][::order]
    found = routed(signs, Channels(), Routing((), BERLIN), now=SATURDAY)
    assert (found.at("slack:#ml-alerts"), found.at(MAIL)) == (None, None)
