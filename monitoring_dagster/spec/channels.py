"""Where people are notified: the receivers of a model's messages, and how often it repeats them."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from monitoring_dagster.spec.record import Public, Record, matching, shown

KINDS = ("slack", "email", "pagerduty", "alertmanager", "webhook", "apprise")
_MAX_NAME = 80  # Slack's own
_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
_USUAL = "#ml-alerts"


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


def _variable(prefix: str) -> AfterValidator:
    def checked(name: str) -> str:
        if "{{" not in name and not re.fullmatch(rf"{prefix}_[A-Z0-9_]{{1,60}}", name):
            message = (
                "write the name of the environment variable that holds the secret, never the"
                f" secret: it begins with {prefix}_, such as {prefix}_RISK"
            )
            raise ValueError(message)
        return name

    return AfterValidator(checked)


Channel = Annotated[Public, AfterValidator(_channel), matching(r"\{\{|^#?[^\s#,;@.:/]{1,80}$")]
Email = Annotated[Public, AfterValidator(_email), matching(rf"\{{\{{|^({_EMAIL})$")]
Url = Annotated[Public, AfterValidator(_url), matching(r"\{\{|^https?://[!-~]+$")]
PagerDutyKey = Annotated[str, _variable("PAGERDUTY"), matching(r"\{\{|^PAGERDUTY_[A-Z0-9_]{1,60}$")]
AppriseUrl = Annotated[str, _variable("APPRISE"), matching(r"\{\{|^APPRISE_[A-Z0-9_]{1,60}$")]
Given = BeforeValidator(_written)


class Channels(Record):
    """Where people are notified. No secret stands here: the environment holds each of them."""

    slack: Annotated[Channel | None, Given] = Field(
        default=None, description="By default #ml-alerts, where no other receiver is written."
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
    remind_every_days: int = Field(default=7, ge=1)
    clear_after_days: int = Field(
        default=3, ge=1, description="Days without a finding that close an incident."
    )

    @property
    def destinations(self) -> tuple[str, ...]:
        """Every receiver, its kind first, in the order of `KINDS`.

        >>> Channels(email=["a@example.org"], pagerduty="PAGERDUTY_RISK").destinations
        ('email:a@example.org', 'pagerduty:PAGERDUTY_RISK')
        >>> Channels().destinations
        ('slack:#ml-alerts',)
        """
        written = {kind: getattr(self, kind) for kind in KINDS}
        found = [
            f"{kind}:{address}"
            for kind, addresses in written.items()
            for address in ([addresses] if isinstance(addresses, str) else addresses or ())
        ]
        return tuple(dict.fromkeys(found)) or (f"slack:{_USUAL}",)


def _destination(name: str) -> str:
    kind, address = kind_and_address(name)
    if kind not in KINDS:
        message = (
            f"{shown(name)} names no receiver: write its kind and its address, such as"
            " email:on-call@example.org or pagerduty:PAGERDUTY_PLATFORM"
        )
        raise ValueError(message)
    try:
        Channels.model_validate({kind: [address] if kind == "email" else address})
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
