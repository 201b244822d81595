"""Groups of rows: of one version, and of one value of a segment."""

from typing import NamedTuple

MAX_SEGMENT_VALUES = 200  # of one segment; rows of all others are one group
MISSING, OTHER = "(missing)", "(other)"  # rows without a value, and of the values beyond


class Group(NamedTuple):
    """Which rows: of one version, and of one segment value; `Group("1")` is all of version 1."""

    version: str
    segment: str = ""
    value: str = ""
