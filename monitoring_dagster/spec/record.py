"""One record of a file: no unknown key, and a mistake told in plain words."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from monitoring_dagster.errors import MonitoringError, did_you_mean, escaped

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_OWNER = r"team:[\w.-]+|[^@\s]+@[^@\s]+\.[^@\s]+"
_REFERENCE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
_MAX_SHOWN = 80
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list (each entry on a line of its own, after a dash)",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
}


class Misplaced(MonitoringError, ValueError):
    """A mistake in the key *place*, found where several keys are looked at together."""

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.place = place


class Record(BaseModel):
    """Part of a file that somebody writes by hand; frozen, and strict about types.

    A number in quotes or a `yes` for a number would be taken by Pydantic, and is a slip.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    _moved: ClassVar[Mapping[str, str]] = MappingProxyType({})  # a former key: what to write now

    def _check(self) -> None:
        """Raise ValueError or Misplaced where keys do not go together."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self._check()
        return self

    @model_validator(mode="wrap")  # around the other, so it stands below it
    @classmethod
    def _in_plain_words(cls, written: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Say the way out of a misspelt key, and repeat no value: it may be a secret."""
        try:
            return validate(written)
        except ValidationError as error:
            # A default that rests on the mistaken key is no mistake of its own.
            mistakes = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
            raise ValidationError.from_exception_data(
                cls.__name__, [cls._reworded(one) for one in mistakes]
            ) from None

    @classmethod
    def _reworded(cls, error: ErrorDetails) -> InitErrorDetails:
        place, ctx = error["loc"], error.get("ctx", {})
        if isinstance(mistake := ctx.get("error"), Misplaced):
            return _told((*place, *mistake.place), str(mistake))
        if error["type"] == "extra_forbidden" and len(place) == 1:
            key = shown(str(place[0]))
            if instead := cls._moved.get(str(place[0])):
                return _told(place, f"the key {key} has moved: write {instead}")
            return _told(place, f"there is no key {key}. {did_you_mean(key[1:-1], cls._keys())}")
        if error["type"] == "model_type" and not place:
            keys = ", ".join(cls._keys())
            return _told(place, f"{_of_type('model_type', error['input'])}; its keys: {keys}")
        if error["type"] in _WANTED:
            if "[key]" in place:
                return _told(place[:-1], _wrong_key(error["input"]))
            return _told(place, _of_type(error["type"], error["input"]))
        return InitErrorDetails(type=error["type"], loc=place, input="(hidden)", ctx=ctx)

    @classmethod
    def _keys(cls) -> Collection[str]:
        return cls.model_fields


def shown(text: str) -> str:
    """*text* as an error may repeat it: in quotes, cut to 80 characters, without a password.

    >>> shown("https://ann:secret@host/x"), len(shown("x" * 1000))
    ("'https://***@host/x'", 82)
    """
    plain = re.sub(r"[^/@\s]+@", "***@", text)
    cut = plain if len(plain) <= _MAX_SHOWN else plain[: _MAX_SHOWN - 1] + "…"
    return f"'{escaped(cut)}'"


def _told(place: tuple[int | str, ...], message: str) -> InitErrorDetails:
    error = ValueError(message)
    return InitErrorDetails(type="value_error", loc=place, input="(hidden)", ctx={"error": error})


def _of_type(wanted: str, written: object) -> str:
    if written is None:
        return (
            "nothing is written here (an unquoted # begins a comment): write a value, or take"
            " the key out"
        )
    words = f"{_WANTED[wanted]} is wanted here, and YAML reads {_kind(written)}"
    if wanted == "string_type" and not isinstance(written, (list, dict)):
        return f"{words}: write it in quotes"
    if wanted in ("int_type", "float_type") and isinstance(written, str):
        return f"{words}: write it without quotes and without a unit"
    return words


def _wrong_key(written: object) -> str:
    return f"YAML reads {_kind(written)} where the name of a key is wanted: write it in quotes"


def _kind(written: object) -> str:
    if isinstance(written, bool):
        return "true or false (also no, yes, on and off are)"
    kinds = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return kinds.get(type(written), "something else")


def _plain_identifier(name: str) -> str:
    if not re.fullmatch(_IDENTIFIER, name):
        message = (
            f"{shown(name)} is no plain identifier: use letters, digits and _ (at most 63),"
            " and begin with a letter"
        )
        raise ValueError(message)
    return name


def _no_secret(text: str) -> str:
    if re.search(r"xox[abpre]-|xapp-|hooks\.slack\.com", text):
        message = "this is a secret: keep it out of YAML and set SLACK_BOT_TOKEN in the environment"
        raise ValueError(message)
    return text


def _owner(name: str) -> str:
    if not re.fullmatch(_OWNER, name):
        message = f"{shown(name)} is neither an e-mail address nor team:<name>"
        raise ValueError(message)
    return name


def _not_blank(text: str) -> str:
    if not text.strip():
        message = "nothing is written here: write a name, or take the key out"
        raise ValueError(message)
    return text


def _reference(name: str) -> str:
    if re.fullmatch(_REFERENCE, name):
        return name
    message = f"{shown(name)} is not module:name, such as assets.churn.train:train"
    if file := re.fullmatch(r"([\w/]+)\.py:(\w+)", name):
        message += f". Did you mean '{file[1].strip('/').replace('/', '.')}:{file[2]}'?"
    raise ValueError(message)


def _day(written: object) -> object:
    if isinstance(written, date) and not isinstance(written, datetime):
        return written
    try:
        if isinstance(written, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", written):
            return date.fromisoformat(written)
    except ValueError:
        pass  # the 30th of February
    message = "this is no day: write year, month and day, such as 2026-03-01"
    raise ValueError(message)


def matching(pattern: str) -> Any:
    """What an editor knows of a text; Pydantic's own patterns have no look-ahead."""
    return Field(json_schema_extra={"pattern": pattern})


Identifier = Annotated[str, AfterValidator(_plain_identifier), matching(f"^({_IDENTIFIER})$")]
Owner = Annotated[str, AfterValidator(_owner), matching(f"^({_OWNER})$")]
Public = Annotated[str, AfterValidator(_no_secret)]
Named = Annotated[str, AfterValidator(_not_blank), matching(r"\S")]
Reference = Annotated[str, AfterValidator(_reference), matching(f"^({_REFERENCE})$")]
Day = Annotated[date, BeforeValidator(_day), matching(r"^\d{4}-\d\d-\d\d$")]
