"""Reading of the project's roster: what is wrong with it is said in messages, and stops none."""

import logging

from monitoring_dagster.report.on_call import BadRoster, Roster
from monitoring_dagster.store.monitor import House

FILE = "on_call.yaml"  # where pyproject.toml names no other
_log = logging.getLogger("monitoring_dagster.notifier")


def roster_of(house: House) -> Roster | None:
    """Who is on call, as the file says now; None where the project has none."""
    named = house.on_call or FILE
    users = {name: id_ for id_, name in house.notifier.slack_users.items()}
    try:
        text = (house.root / named).read_text(encoding="utf-8")
        return Roster.parsed(text, file=named, zone=house.routing.hours.zone, users=users)
    except FileNotFoundError:
        if house.on_call is None:
            return None
        problem = f"{named} is not there"
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{named}: {BadRoster.unreadable(error)}"
    except BadRoster as error:
        problem = f"{named}: {error}"
    _log.warning("nobody knows who is on call: %s", problem)
    return Roster(named, problem=problem)
