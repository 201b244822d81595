"""A sender in a process of its own that is killed at a named point of its work."""

import json
import os
import signal
from pathlib import Path

from tests import fork_server

POINTS = ("before send", "after send", "before mark_sent")  # of any channel
_PROGRAM = """
import json, os, signal, sys
from datetime import datetime
from pathlib import Path
from monitoring_dagster.act.notify import drain, receivers
from monitoring_dagster.act.notify.senders import slack
from monitoring_dagster.report.links import Links
from monitoring_dagster.store.ledger.deliveries import Deliveries
from monitoring_dagster.store.ledger.ledger import Ledger

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def dying(name, whole):
    def wrapped(*args, **kwargs):
        if point == f"before {name}":
            die()
        answer = whole(*args, **kwargs)
        if point == f"after {name}":
            die()
        return answer
    return wrapped

url, outbox, moment, point, environment = sys.argv[1:]
sender_of, call = receivers.Receivers.sender_of, slack.call

class Dying:
    def __init__(self, sender):
        self.send, self.settle = dying("send", sender.send), sender.settle

receivers.Receivers.sender_of = lambda self, destination: Dying(sender_of(self, destination))
slack.call = lambda method, **given: dying(method.__name__, call)(method, **given)
if point == "before mark_sent":
    Deliveries.mark_sent = die
now = datetime.fromisoformat(moment)
drain.drain(Ledger(url), links=Links("http://d", "http://m", "http://r"), outbox=Path(outbox),
            environment=json.loads(environment), clock=lambda: now, sleep=lambda s: None)
"""


def kill_sender(ledger, clock, folder, environment, *, at):
    """Drain the queue in another process, which is killed at the point *at*."""
    words = [ledger.url, str(folder / "outbox"), clock().isoformat(), at, json.dumps(environment)]
    names = [name for name in os.environ if "PROXY" not in name.upper()]
    died = fork_server.run(
        ["python", "-c", _PROGRAM, *words],
        cwd=Path(__file__).parents[3],
        env={name: os.environ[name] for name in names},
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
