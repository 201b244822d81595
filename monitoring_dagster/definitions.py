"""The door Dagster knocks at: every model declared under assets/."""

import warnings
from functools import cache
from pathlib import Path

import dagster as dg

import assets  # noqa: F401  (un-installed checkouts find it only while this module is imported)

warnings.filterwarnings("ignore", category=dg.PreviewWarning)  # checks by day are a preview


@dg.definitions
@cache  # Dagster asks several times in every run
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
