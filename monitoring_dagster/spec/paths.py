"""Paths in a file: one Parquet file a day, one file, or files of numbers from elsewhere."""

import re
from typing import Annotated

from pydantic import AfterValidator

from monitoring_dagster.spec.record import matching, shown

_TEMPLATE = re.compile(r"\{\{.*?\}\}")  # Dagster's own, such as {{ env.DATA }}: filled in later
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+|(md|motherduck):", re.IGNORECASE)
_WAYS = {
    ".csv": "pandas.read_csv",
    ".tsv": "pandas.read_table",
    ".txt": "pandas.read_table",
    ".json": "pandas.read_json",
    ".jsonl": "pandas.read_json",
    ".ndjson": "pandas.read_json",
    ".xls": "pandas.read_excel",
    ".xlsx": "pandas.read_excel",
    ".xlsm": "pandas.read_excel",
    ".feather": "pandas.read_feather",
    ".arrow": "pandas.read_feather",
    ".ipc": "pandas.read_feather",
    ".orc": "pandas.read_orc",
    ".pkl": "pandas.read_pickle",
    ".pickle": "pandas.read_pickle",
}
_OTHER_FORMATS = (".avro", ".db", ".duckdb", ".h5", ".hdf5", ".sqlite")
_COMPRESSED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar")
_NUMBER_FILES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz")


def _daily(path: str) -> str:
    """A path of one Parquet file, or folder, a day; or a ValueError."""
    plain = _plain(path)
    _refuse_placeholders(path, plain)
    if "{day}" not in plain:
        _refuse(path, "no {day} where the date stands: one file a day is read, such as"
                      " data/{day}.parquet")  # fmt: skip
    if found := re.search(r"[*?]|\[[^\]]*\]", plain):
        _refuse(path, f"the glob {found[0]!r}: one file a day is read, so name it without *, ? and"
                      " [...], and write the parts of a day into one file")  # fmt: skip
    _refuse_other_formats(path, plain.lower())
    return path


def _refuse_other_formats(path: str, lower: str) -> None:
    suffix = next((one for one in _COMPRESSED if lower.endswith(one)), None)
    if suffix is not None:
        _refuse(path, f"the ending {suffix}: the daily steps read Parquet, which is compressed"
                      " inside; unpack each file, or write it anew as Parquet")  # fmt: skip
    suffix = next((one for one in (*_WAYS, *_OTHER_FORMATS) if lower.endswith(one)), None)
    if suffix is not None:
        way = f": {_WAYS[suffix]}(old).to_parquet(new)" if suffix in _WAYS else ""
        _refuse(path, f"the ending {suffix}: the daily steps read Parquet. Write each file anew as"
                      f" Parquet{way}, and name that here")  # fmt: skip


def _one_file(path: str) -> str:
    """A path of one file for all days, or a ValueError."""
    plain = _plain(path)
    if found := re.search(r"[*?{}]", plain):
        _refuse(path, f"{found[0]!r} in it: it is one file for all days, and is named in full")
    return path


def _suite(path: str) -> str:
    plain = _one_file(path).lower()
    if re.search(r"\.(ya?ml|py|csv|parquet|toml|ipynb)$", plain):
        _refuse(path, "another ending than .json: a suite is JSON. Great Expectations writes it"
                      " with json.dumps(suite.to_json_dict())")  # fmt: skip
    return path


def _numbers(path: str) -> str:
    """A path of files with numbers from elsewhere: a file, a folder, a glob, or one a day."""
    plain = _plain(path)
    _refuse_placeholders(path, plain)
    lower = plain.lower()
    wrong = (*_WAYS, *_OTHER_FORMATS, *_COMPRESSED)
    if lower.endswith(wrong) and not lower.endswith(_NUMBER_FILES):
        _refuse(path, "an ending that is not read: write CSV or Parquet")
    return path


def _plain(path: str) -> str:
    """*path* without its templates, once it is a path of this machine and spelt out."""
    if not path.strip():
        message = "nothing is written here: write a path, such as data/{day}.parquet"
        raise ValueError(message)
    plain = _TEMPLATE.sub("_", path)
    if plain != plain.strip() or not plain.isprintable():
        _refuse(path, "a blank or a line break at an end, or a control character: take it out")
    if found := _SCHEME.match(plain):
        message = (
            f"{found[0]} begins a URL, and files of this machine are read: copy or mount them,"
            " and write their path here"
        )
        raise ValueError(message)
    if found := re.match(r"~[^/]*", plain):
        _refuse(path, f"{found[0]!r} in it, which is not expanded: write the folder out, or"
                      " {{ env.HOME }}")  # fmt: skip
    if found := re.search(r"\$\{?\w+\}?|%[A-Za-z_]\w+%", plain):
        name = found[0].strip("${}%")
        _refuse(path, f"{found[0]!r} in it, which is not expanded: write the value out, or"
                      f" {{{{ env.{name} }}}}")  # fmt: skip
    if "\\" in plain:
        _refuse(path, "a backslash in it: write / between folders")
    return plain


def _refuse_placeholders(path: str, plain: str) -> None:
    for name in re.findall(r"\{([^{}]*)\}", plain):
        if name != "day":
            _refuse(path, f"the placeholder {{{name}}}. Did you mean {{day}}? It is the only one,"
                          " and always written as 2026-03-01")  # fmt: skip
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", plain)):
        _refuse(path, "a brace without its other half: {day} stands for the date")
    if found := re.search(r"%-?[YmdyjHF](?![A-Za-z])|YYYY|<(day|date)>", plain):
        _refuse(path, f"{found[0]!r} in it, which is not filled in. Did you mean {{day}}? It is"
                      " always written as 2026-03-01")  # fmt: skip


def _refuse(path: str, has: str) -> None:
    message = f"path {shown(path)} has {has}"
    raise ValueError(message)


_NO_URL = r"^(?!~|[A-Za-z][A-Za-z0-9+.-]+:/)"
_OTHER_ENDINGS = "|".join(
    one.replace(".", r"\.") for one in (*_WAYS, *_OTHER_FORMATS, *_COMPRESSED)
)

DailyPath = Annotated[
    str,
    AfterValidator(_daily),
    matching(rf"{_NO_URL}(?!.*({_OTHER_ENDINGS})$)(?=.*\{{day\}})[^*?\\]+$"),
]
FilePath = Annotated[str, AfterValidator(_one_file), matching(rf"{_NO_URL}[^*?\\]+$")]
SuitePath = Annotated[str, AfterValidator(_suite), matching(rf"{_NO_URL}[^*?\\]+$")]
NumbersPath = Annotated[str, AfterValidator(_numbers), matching(rf"{_NO_URL}[^\\]+$")]
