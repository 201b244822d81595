"""Where people are notified: receivers, routes to them, and how often messages are repeated."""

import re
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from monitoring_dagster.spec.matchers import Matcher, NoMatcher
from monitoring_dagster.spec.record import Misplaced, Public, Record, matching, shown

KINDS = ("slack", "email", "pagerduty", "alertmanager", "webhook", "apprise")
_MAX_NAME = 80  # Slack's own
_USUAL = "slack:#ml-alerts"
_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"


def _written(value: object) -> object:
    if value is None:
        message = (
            "nothing is written here (an unquoted # begins a comment): write a value, or take the"
            " key out"
        )
        raise ValueError(message)
    return value


def _channel(name: str) -> str:
    if "{{" in name:  # a template, filled in later
        return name
    bare = name.removeprefix("#")
    if not bare.strip():
        message = 'no channel is named: write its name in quotes, such as "#ml-alerts"'
        raise ValueError(message)
    if "://" in name:
        message = 'this is a URL: write the name of the channel in quotes, such as "#ml-alerts"'
        raise ValueError(message)
    if re.search(r"[\s#,;@.:/]", bare) or not bare.isprintable() or len(bare) > _MAX_NAME:
        message = (
            f"{shown(name)} is no name of one channel: write letters, digits, - and _, at most"
            f' {_MAX_NAME}, such as "#ml-alerts"'
        )
        raise ValueError(message)
    if name.startswith("#") and bare != bare.lower():
        message = f"Slack's channels are lower case. Did you mean {shown(name.lower())}?"
        raise ValueError(message)
    return name


def _email(address: str) -> str:
    if "{{" not in address and not (re.fullmatch(_EMAIL, address) and len(address) <= 254):
        message = "this is no e-mail address: write one such as ml-alerts@example.org"
        raise ValueError(message)
    return address


def _url(url: str) -> str:
    """An address that a message may be sent to: no password in it, and encrypted on its way."""
    if "{{" in url:
        return url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if "@" in parts.netloc:
        message = "there is a user or a password in this URL: keep it out of YAML"
        raise ValueError(message)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))
    if not (host and safe) or not re.fullmatch(r"[\x21-\x7e]+", url) or parts.fragment:
        message = "this is no URL to send to: write https://HOST/PATH (http:// for this machine)"
        raise ValueError(message)
    return url


# What is asked of PagerDuty, and where: no service is reached by it.
NO_ROUTING_KEYS = ("PAGERDUTY_API_URL", "PAGERDUTY_API_TOKEN", "PAGERDUTY_REST_URL")


def _variable(prefix: str) -> AfterValidator:
    def checked(name: str) -> str:
        if "{{" not in name and not re.fullmatch(rf"{prefix}_[A-Z0-9_]{{1,60}}", name):
            message = (
                "write the name of the environment variable that holds the secret, never the"
                f" secret: it begins with {prefix}_, such as {prefix}_RISK"
            )
            raise ValueError(message)
        if name in NO_ROUTING_KEYS:
            message = f"{name} is not the key of any service: name the variable that holds one"
            raise ValueError(message)
        return name

    return AfterValidator(checked)


Channel = Annotated[Public, AfterValidator(_channel), matching(r"\{\{|^#?[^\s#,;@.:/]{1,80}$")]
Email = Annotated[Public, AfterValidator(_email), matching(rf"\{{\{{|^({_EMAIL})$")]
Url = Annotated[Public, AfterValidator(_url), matching(r"\{\{|^https?://[!-~]+$")]
PagerDutyKey = Annotated[str, _variable("PAGERDUTY"), matching(r"\{\{|^PAGERDUTY_[A-Z0-9_]{1,60}$")]
AppriseUrl = Annotated[str, _variable("APPRISE"), matching(r"\{\{|^APPRISE_[A-Z0-9_]{1,60}$")]
Given = BeforeValidator(_written)


class Addresses(Record):
    """Receivers. No secret stands here: the environment holds each of them."""

    slack: Annotated[Channel | None, Given] = Field(
        default=None,
        description="Name or id of a channel. A model without any receiver has #ml-alerts.",
    )
    email: list[Email] = Field(default_factory=list, description="Each gets a mail of its own.")
    pagerduty: Annotated[PagerDutyKey | None, Given] = Field(
        default=None,
        description="Environment variable with the routing key of a service: PAGERDUTY_RISK.",
    )
    alertmanager: Annotated[Url | None, Given] = Field(
        default=None, description="Address of a Prometheus Alertmanager: https://HOST:9093."
    )
    webhook: Annotated[Url | None, Given] = Field(
        default=None, description="Address that takes signed JSON; see docs/delivery.md."
    )
    apprise: Annotated[AppriseUrl | None, Given] = Field(
        default=None, description="Environment variable with an Apprise URL: APPRISE_TEAMS."
    )

    @property
    def destinations(self) -> tuple[str, ...]:
        """Every receiver, its kind first, in the order of `KINDS`.

        >>> Addresses(email=["a@example.org"], pagerduty="PAGERDUTY_RISK").destinations
        ('email:a@example.org', 'pagerduty:PAGERDUTY_RISK')
        """
        written = {kind: getattr(self, kind) for kind in KINDS}
        found = [
            f"{kind}:{address}"
            for kind, addresses in written.items()
            for address in ([addresses] if isinstance(addresses, str) else addresses or ())
        ]
        return tuple(dict.fromkeys(found))


def _matcher(text: str) -> str:
    if "{{" not in text:
        try:
            Matcher.written(text)
        except NoMatcher as error:
            raise ValueError(str(error)) from None
    return text


MatcherText = Annotated[Public, AfterValidator(_matcher), matching(r"\{\{|^\s*\w+\s*(=~|!~|!=|=)")]


class Route(Addresses):
    """Where messages go that match. The first route that matches decides."""

    model_config = ConfigDict(serialize_by_alias=True)

    match: list[MatcherText] = Field(
        default_factory=list,
        description="All must hold: severity, family, kind, model, owner or segment, one of"
        ' = != =~ !~, and a value, such as "severity=~P0|P1". By default every message.',
    )
    when: Literal["always", "business_hours"] | None = Field(
        default=None,
        description="Whether messages wait until business hours begin; by default those of P2 do.",
    )
    goes_on: bool = Field(
        default=False, alias="continue", description="Whether the next routes are tried, too."
    )

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What must all hold."""
        return tuple(map(Matcher.parsed, self.match))

    def _check(self) -> None:
        if not self.destinations:
            message = (
                "this route leads nowhere: write a receiver, such as"
                " email: [on-call@example.org]; what nobody should hear of gets severity P3 in"
                " rules.alerts"
            )
            raise Misplaced(message)

    @classmethod
    def _keys(cls) -> Collection[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]


def refuse_unreachable(routes: Sequence[Route]) -> None:
    """Raise Misplaced where one of *routes* takes every message and others stand behind it."""
    for number, route in enumerate(routes[:-1]):
        if not route.match and not route.goes_on:
            message = (
                f"no message comes as far as this: route {number + 1} takes every one. Put that"
                " last, give it `match`, or let it `continue`"
            )
            raise Misplaced(message, "routes", number + 1)


class Channels(Addresses):
    """Where people are notified: by routes, and by the receivers here where none matches."""

    routes: list[Route] = Field(
        default_factory=list,
        description="Where messages go that match; tried before those of pyproject.toml. What none"
        " matches goes to the receivers here.",
    )
    remind_every_days: int = Field(default=7, ge=1)
    clear_after_days: int = Field(
        default=3, ge=1, description="Days without a finding that close an incident."
    )

    def _check(self) -> None:
        refuse_unreachable(self.routes)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Every receiver beside those of routes.

        >>> Channels().destinations
        ('slack:#ml-alerts',)
        """
        return super().destinations or (_USUAL,)


def _destination(name: str) -> str:
    kind, address = kind_and_address(name)
    if kind not in KINDS:
        message = (
            f"{shown(name)} names no receiver: write its kind and its address, such as"
            " email:on-call@example.org or pagerduty:PAGERDUTY_PLATFORM"
        )
        raise ValueError(message)
    try:
        Addresses.model_validate({kind: [address] if kind == "email" else address})
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    return name


Destination = Annotated[Public, AfterValidator(_destination)]


def kind_and_address(destination: str) -> tuple[str, str]:
    """
    >>> kind_and_address("webhook:https://example.org/ml")
    ('webhook', 'https://example.org/ml')
    """
    kind, _, address = destination.partition(":")
    return kind, address


def is_this_machine(host: str) -> bool:
    """Whether what is sent to *host* stays on this machine, and may go unencrypted."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
