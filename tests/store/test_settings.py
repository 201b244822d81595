"""The project's settings in its pyproject.toml: what they say, and where a mistake stands."""

from datetime import date

import pytest

from monitoring_dagster.spec import Schedule
from monitoring_dagster.store.settings import BadSettings, settings_at


@pytest.fixture
def project(tmp_path):
    """Write a pyproject.toml; returns its folder."""

    def written(content):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "pyproject.toml").write_bytes(content)
        return tmp_path

    return written


def test_what_is_written_is_taken(project):
    text = '[tool.monitoring_dagster.schedule]\nat = 07:00:00\ntime_zone = "Europe/Berlin"\n'
    assert settings_at(project(text)).schedule == Schedule(at="07:00", time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param('[tool.monitoring_dagster.schedule]\ntime_zone = "Mars"\n', 2,
                     "schedule.time_zone: there is no time zone 'Mars'", id="a zone"),
        pytest.param("[project]\nname = 'x'\n[tool.monitoring_dagster]\nscedule = {at = '06:00'}\n",
                     4, "Did you mean 'schedule'?", id="a misspelt key"),
        pytest.param("[tool.monitoring_dagster.schedule]\nat = 6\n", 2,
                     "TOML reads a number: write it in quotes", id="a number"),
        pytest.param("[tool]\nmonitoring_dagster = 3\n", 2, "a mapping", id="no table"),
        pytest.param("at = 3\n[tool.monitoring_dagster]\nschedule.at = '25:00'\n", 3,
                     "'25:00' is no time of day", id="a key of the same name stands above"),
        pytest.param("[tool.monitoring_dagster.schedule]\nat = '22:00'\ngrace_minutes = 120\n", 3,
                     "passes midnight UTC", id="a grace that is too long"),
        pytest.param("[tool.monitoring_dagster.schedule]\nat = '25:00'\ntime_zone = 'Mars'\n", 2,
                     "(and 1 more)", id="two mistakes"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text, line, words, project):
    root = project(text)
    with pytest.raises(BadSettings) as caught:
        settings_at(root)
    assert f"pyproject.toml:{line} - [tool.monitoring_dagster]" in str(caught.value)
    assert words in str(caught.value)
    assert (caught.value.file, caught.value.line) == (root / "pyproject.toml", line)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("[project]\nname = 'x'\n", id="nothing of ours"),
        pytest.param("no toml [", id="no TOML: Dagster refuses it"),
        pytest.param(b"\xff\xfe\x00", id="bytes that are no text"),
    ],
)
def test_what_says_nothing_leaves_the_defaults(content, project):
    assert settings_at(project(content)).schedule == Schedule()


def test_a_folder_without_the_file_has_the_defaults(tmp_path):
    assert settings_at(tmp_path).schedule == Schedule()


def test_a_tool_that_is_no_table_leaves_the_defaults(project):
    """Somebody else's mistake: Dagster says it."""
    assert settings_at(project("tool = 3\n")).schedule == Schedule()


def test_routes_hours_and_holidays_are_written_in_toml(project):
    text = """
[tool.monitoring_dagster]
routes = [{match = ["severity=~P0|P1", "family=service"], pagerduty = "PAGERDUTY_RISK", slack = "#platform"}]
business_hours = {days = ["mon", "tue"], start = 08:30:00, end = "18:00", time_zone = "Europe/Berlin", holidays = [2026-12-25, "2026-12-26"]}
"""  # noqa: E501
    found = settings_at(project(text))
    (route,) = found.routes
    assert route.destinations == ("slack:#platform", "pagerduty:PAGERDUTY_RISK")
    assert found.hours.holidays == [date(2026, 12, 25), date(2026, 12, 26)]
    assert (found.hours.start, str(found.hours.zone)) == ("08:30", "Europe/Berlin")


def test_a_wrong_route_is_named_with_its_line(project):
    text = '[[tool.monitoring_dagster.routes]]\nmatch = ["severity=P7"]\nslack = "#a"\n'
    with pytest.raises(BadSettings) as caught:
        settings_at(project(text))
    assert (
        "pyproject.toml:2 - [tool.monitoring_dagster] routes.0.match.0: there is no severity"
        in (str(caught.value))
    )
