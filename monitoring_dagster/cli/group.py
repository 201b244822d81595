"""How a command ends: the exit codes, one line on stderr for what is wrong, and quiet pipes."""

import errno
import os
import select
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from monitoring_dagster.errors import MonitoringError, did_you_mean, without_secrets

WRONG_INPUT, CRASH, UNKNOWN, INTERRUPTED, NOBODY_READS = 2, 3, 4, 130, 141

CODES = """\b
Exit codes:
  0    nothing is wrong
  1    drift, an open incident, a failed step of the runbook
  2    the input, the environment or the call is wrong; stderr says what
  3    a crash of ours; --traceback shows where
  4    a step of the runbook is UNKNOWN, and none has failed
  130  interrupted by Ctrl-C
  141  the reader of a pipe (such as head) has gone"""

_NAME = "monitoring-dagster"
_SHOWN_CHARACTERS = 200
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}  # never a bug of ours


MOVED = {
    **{
        name: f"model {name}"
        for name in (
            *("rules", "signals", "history", "backtest"),
            *("retrain", "promote", "rollback", "fallback"),
        )
    },
    "record": "model estimate-accuracy",
    "proxies": "model leading-indicators",
    "suspects": "labels issues",
    "decide-label": "labels decide",
    "resend": "messages resend",
}  # former commands: what to write now


class CommandGroup(click.Group):
    """Commands of which a misspelt one gets the nearest name, and a former one the new name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            if ctx.parent is None and name in MOVED:
                ctx.fail(f"the command {name!r} has moved: write {_NAME} {MOVED[name]}")
            ctx.fail(f"there is no command {name!r}. {did_you_mean(name, self.commands)}")
        return super().resolve_command(ctx, args)


class Commands(CommandGroup):
    """A group whose commands end with one of `CODES`, and without a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        def run() -> Any:
            return super(Commands, self).main(args, prog_name, complete_var, False, **extra)

        if not standalone_mode:
            return run()
        for stream in (sys.stdout, sys.stderr):
            # A locale that lacks a letter costs the letter, not the answer.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = run() or 0
        except click.ClickException as error:
            code = _misused(error)
        except click.Abort:
            code = INTERRUPTED
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        lost = _why_output_is_lost()
        sys.exit(code if lost is None else _without_output(lost))

    def make_context(self, *args: Any, **given: Any) -> click.Context:
        try:
            return super().make_context(*args, **given)
        except OSError as error:  # of the help, which is printed while the words are read
            lost = _why_output_is_lost(error) or error
            raise click.exceptions.Exit(_without_output(lost)) from None

    def invoke(self, ctx: click.Context) -> Any:
        shows = bool(ctx.params.get("traceback"))
        try:
            with _crashes_in_threads() as crashed:
                found = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (SystemExit, GeneratorExit):
            if crashed:
                _crashed(ctx, crashed[0], shows=shows)
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except MonitoringError as error:
            _complain(str(error))
            _show(error, shows=shows)
            ctx.exit(WRONG_INPUT)
        except BaseException as error:  # Rust's panics are no Exception
            if isinstance(error, OSError):
                _blame_the_world(error, shows=shows)
            _crashed(ctx, error, shows=shows)
        if crashed:
            _crashed(ctx, crashed[0], shows=shows)
        return found


def _blame_the_world(error: OSError, *, shows: bool) -> None:
    """End with 141 or 2 where it is the reader of our output, or the disk, that refused."""
    if (lost := _why_output_is_lost(error)) is not None:
        raise click.exceptions.Exit(_without_output(lost))
    if error.errno in _DISK:
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"{place}{error.strerror}. Make room or allow it, and run the command again")
        _show(error, shows=shows)
        raise click.exceptions.Exit(WRONG_INPUT)


def _crashed(ctx: click.Context, error: BaseException, *, shows: bool) -> NoReturn:
    """One line that says what crashed and how to report it; ends with 3."""
    words = next((line for line in _text(error).splitlines() if line.strip()), "")
    said = (
        f"{type(error).__name__}: {_shortened(words.rstrip('.'))}"
        if words
        else type(error).__name__
    )
    from importlib.metadata import version  # late: it brings e-mail along

    command = ctx.invoked_subcommand or "COMMAND"
    _complain(
        f"{command} crashed with {said}. This is a bug of version {version('monitoring_dagster')}:"
        f" run it again as `{_NAME} --traceback {command} ...`"
        " and open an issue at the project's repository with what that shows"
    )
    _show(error, shows=shows)
    raise click.exceptions.Exit(CRASH)


def _misused(error: click.ClickException) -> int:
    """One line instead of the usage; the help where nothing was asked."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return WRONG_INPUT
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    words = error.format_message().rstrip()
    help_at = ctx.command_path if ctx else _NAME
    end = "" if words.endswith((".", "?")) else "."
    _complain(f"{words}{end} See: {help_at} --help")
    return WRONG_INPUT


def _complain(words: str) -> None:
    """One line on stderr, without secrets and without a character that a terminal would obey."""
    line = without_secrets(" ".join(words.split("\n")))
    plain = "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)
    with suppress(OSError):
        click.echo(f"{_NAME}: {plain}", err=True)


def _show(error: BaseException, *, shows: bool) -> None:
    if shows:
        with suppress(OSError):
            click.echo(without_secrets("".join(traceback.format_exception(error))), err=True)


def _shortened(words: str) -> str:
    return words if len(words) <= _SHOWN_CHARACTERS else f"{words[:_SHOWN_CHARACTERS]}..."


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error that cannot even be said
        return ""


@contextmanager
def _crashes_in_threads() -> Iterator[list[BaseException]]:
    """What ended a thread that nobody waits for; Python would print it and go on."""
    found: list[BaseException] = []
    before = threading.excepthook

    def note(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            found.append(args.exc_value)

    threading.excepthook = note
    try:
        yield found
    finally:
        threading.excepthook = before


def _without_output(lost: OSError) -> int:
    """The exit code where stdout took no more."""
    _discard_output()
    if lost.errno == errno.EPIPE:
        return NOBODY_READS
    _complain(f"cannot write the output: {lost.strerror}")
    return WRONG_INPUT


def _why_output_is_lost(error: OSError | None = None) -> OSError | None:
    """Why stdout takes no more; None where it does. *error* is what a write has just met."""
    try:
        sys.stdout and sys.stdout.flush()
    except OSError as lost:
        return lost
    # Without a buffer nothing is left to flush: ask the pipe itself.
    gone = isinstance(error, BrokenPipeError) and _has_no_reader(sys.stdout)
    return error if gone else None


def _has_no_reader(stream: Any) -> bool:
    try:
        pipe = select.poll()
        pipe.register(stream.fileno(), 0)
        return bool(pipe.poll(0))
    except (AttributeError, OSError, ValueError):  # no file at all
        return False


def _discard_output() -> None:
    """What stdout still holds goes nowhere: Python would complain about it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
