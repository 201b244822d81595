"""The commands by which a person decides: labels, versions, the fallback, messages."""

from datetime import UTC, date, datetime

import click

from monitoring_dagster.cli import here
from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind


def _given(_ctx: click.Context, _option: click.Parameter, reason: str) -> str:
    if not reason.strip():
        message = "--reason is blank: write why"
        raise click.UsageError(message)
    return reason.strip()


def _said(_ctx: click.Context, _argument: click.Parameter, words: str) -> str:
    if not words.strip():
        message = "WORDS are blank: write what was changed"
        raise click.UsageError(message)
    return " ".join(words.split())


@click.command()
@click.argument("model")
@click.argument("decision", type=click.Choice(["discard", "keep"]))
@click.argument("request_id", nargs=-1, required=True)
@click.option("--reason", required=True, help="Goes into the ledger.")
def decide(model: str, decision: str, request_id: tuple[str, ...], reason: str) -> None:
    """Write down what becomes of the labels of some requests: discard them, or keep them.

    A discarded label counts no more from today (UTC) on; what was known before stays as it was.
    Keep undoes that, and takes a label that is right off the list of label issues. The newest
    decision counts; put -- before ids that begin with a dash.
    """
    from monitoring_dagster.act.deciding import decide
    from monitoring_dagster.store.ledger.decided.label_decisions import Decision

    found = decide(
        here.monitor(model),
        request_id,
        Decision(decision),
        reason=reason,
        by=here.person(),
        now=datetime.now(UTC),
    )
    click.echo(found.words)


@click.command()
@click.argument("model")
@click.option("--reason", required=True, callback=_given, help="Goes to the channel, too.")
@click.option("--force", is_flag=True, help="Although the features come from other code.")
def rollback(model: str, reason: str, *, force: bool) -> None:
    """Make the previous champion serve again.

    Refused where the features of the newest judged day come from other code than that version's
    tag feature_code names: rolled back alone, it would answer from features that it does not know.
    """
    from monitoring_dagster.act.promotion import roll_back

    click.echo(roll_back(here.monitor(model), reason=reason, by=here.person(), force=force))


@click.command()
def resend() -> None:
    """Try again to send the messages that Slack refused for good."""
    count = here.project().house.ledger.deliveries.revive()
    click.echo(f"{count} messages wait to be sent again")


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", required=True, callback=_given, help="Goes to the channel, too.")
def promote(model: str, version: str, reason: str) -> None:
    """Make a version the champion: the approval that `promotion: manual` waits for."""
    from monitoring_dagster.act.promotion import promote_by_hand

    click.echo(promote_by_hand(here.monitor(model), version, reason=reason, by=here.person()))


@click.command()
@click.argument("model")
@click.argument("words", callback=_said)
@click.option(
    "--kind",
    type=click.Choice([str(one) for one in ChangeKind]),
    default=str(ChangeKind.OTHER),
    show_default=True,
)
@click.option("--version", default="", metavar="VERSION", help="That came to serve with it.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="In UTC; by default now.",
)
def event(model: str, words: str, kind: str, version: str, at: datetime | None) -> None:
    """Note that something was changed, in WORDS: a deployment, a library, a setting, a source.

    Messages, `why` and `runbook` show it beside what is found in the two weeks after it. Noting the
    same thing twice changes nothing, so that a deployment script may try again.
    """
    monitor = here.monitor(model)
    when = at.replace(tzinfo=UTC) if at else monitor.house.now().replace(microsecond=0)
    change = Change(when, ChangeKind(kind), words, version, here.person())
    is_new = monitor.ledger.note_change(monitor.name, change)
    click.echo(f"{'noted' if is_new else 'was noted before'}: {change.line}")


@click.command()
@click.argument("model")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.option("--reason", default="", help="Goes to the channel.")
def fallback(model: str, switch: str, reason: str) -> None:
    """Tell the service to answer without the model (on), or with it again (off).

    The service reads it with `monitoring_dagster.serving.champion`.
    """
    from monitoring_dagster.act.fallback import switch_fallback

    monitor = here.monitor(model)
    click.echo(switch_fallback(monitor, on=switch == "on", reason=reason.strip(), by=here.person()))


@click.command()
@click.argument("model")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="By default the last judged day.")
def retrain(model: str, as_of: datetime | None) -> None:
    """Train a challenger now, and let it show what it can do."""
    from monitoring_dagster.act.retraining.retrain import retrain as run

    day: date | None = as_of.date() if as_of else None
    by = here.person()
    found = run(here.monitor(model), as_of=day, cause=f"Asked for by {by}.", by=by)
    click.echo(f"version {found.version} {found.words['outcome']}: {found.words['gate']}")
