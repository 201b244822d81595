"""One record of a file: no unknown key, and a mistake told in plain words."""

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from monitoring_dagster.errors import did_you_mean


def _plain_identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
        message = (
            f"{name!r} is no plain identifier: use letters, digits and _ (at most 63),"
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
    if not re.fullmatch(r"team:[\w.-]+|[^@\s]+@[^@\s]+\.[^@\s]+", name):
        message = f"{name!r} is neither an e-mail address nor team:<name>"
        raise ValueError(message)
    return name


Identifier = Annotated[str, AfterValidator(_plain_identifier)]
Owner = Annotated[str, AfterValidator(_owner)]
Public = Annotated[str, AfterValidator(_no_secret)]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_plain_words(cls, written: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Say the way out of a misspelt key, and repeat no value: it may be a secret."""
        try:
            return validate(written)
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                cls.__name__, [cls._reworded(one) for one in error.errors()]
            ) from None

    @classmethod
    def _reworded(cls, error: ErrorDetails) -> InitErrorDetails:
        words = InitErrorDetails(
            type=error["type"], loc=error["loc"], input="(hidden)", ctx=error.get("ctx", {})
        )
        if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
            key = str(error["loc"][0])
            unknown = ValueError(f"there is no key {key!r}. {did_you_mean(key, cls.model_fields)}")
            words |= {"type": "value_error", "ctx": {"error": unknown}}
        return words
