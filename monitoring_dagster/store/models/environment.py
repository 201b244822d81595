"""Environment of a version: the code of its features and the libraries that it was made with."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path

FEATURE_CODE = "feature_code"  # the tag of a version
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")  # of every version made here
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*])?\s*={2,3}\s*([^\s;#]+)")
_SHORT_COMMIT = 7  # git's least digits
_COMMIT = re.compile(rf"[0-9a-f]{{{_SHORT_COMMIT},}}")


def hash_of_files(paths: Iterable[str | Path]) -> str:
    """The digest of some files' bytes, whatever they are called and in whatever order they come.

    A file's name is not in it, so that training and serving may keep the same code in different
    places; CRLF counts as LF. Raises OSError for a file that cannot be read.
    """
    digests = sorted(
        sha256(Path(path).read_bytes().replace(b"\r\n", b"\n")).digest() for path in paths
    )
    return sha256(b"".join(digests)).hexdigest()


def installed_libraries(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """The installed versions of some libraries, by their name on PyPI.

    Raises PackageNotFoundError.
    """
    return {name: installed(name) for name in names}


def is_same_code(one: str, other: str) -> bool:
    """Whether two hashes are of the same code; a commit may be cut.

    >>> is_same_code("A1B2C3D", "a1b2c3d4e5f6"), is_same_code("a1b2c3d", "a1b2c3d-dirty")
    (True, False)
    """
    short, long = sorted((one.strip().lower(), other.strip().lower()), key=len)
    if short == long:
        return True
    are_commits = _COMMIT.fullmatch(short) and _COMMIT.fullmatch(long)
    return bool(are_commits) and long.startswith(short)


def libraries_in(written: str) -> dict[str, str]:
    """The library versions that a text pins: a JSON object, or name==version by comma or line.

    Names are spelled as PyPI compares them; what is neither is left out.

    >>> libraries_in('{"Scikit_Learn": "1.5.0"}'), libraries_in("numpy==2.1.0, pandas>=2 # pip")
    ({'scikit-learn': '1.5.0'}, {'numpy': '2.1.0'})
    """
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        parts = (_PINNED.match(part.strip()) for part in re.split(r"[,\n]", written))
        return _named({one[1]: one[2] for one in parts if one})
    return _named(found) if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Differing:
    """A library that serves in another version than the one in which a model was trained."""

    name: str
    trained: str
    serving: str

    @property
    def is_patch(self) -> bool:
        """Whether both are the same but for their third number and what follows it.

        >>> Differing("numpy", "2.1.0", "2.1.3").is_patch, Differing("numpy", "2", "2.1").is_patch
        (True, False)
        """
        return _release(self.trained) == _release(self.serving)


def differing(trained: Mapping[str, str], serving: Mapping[str, str]) -> list[Differing]:
    """The libraries that both name, in different versions; what differs most comes first.

    >>> [one.name for one in differing({"a": "1.0", "b": "1", "c": "1"}, {"a": "1.0.0", "b": "2"})]
    ['b']
    """
    there = _named(serving)
    found = [
        Differing(name, version, there[name])
        for name, version in _named(trained).items()
        if name in there and not _is_same_version(version, there[name])
    ]
    return sorted(found, key=lambda one: (one.is_patch, one.name))


def _named(libraries: Mapping[str, object]) -> dict[str, str]:
    return {
        re.sub(r"[-_.]+", "-", name.strip()).lower(): str(version).strip()
        for name, version in libraries.items()
        if isinstance(version, str | int | float) and not isinstance(version, bool)
    }


def _is_same_version(one: str, other: str) -> bool:
    """Whether two versions are one; a local build (+cu121) and zeros at the end don't count."""
    plain = (re.sub(r"(\.0)+$", "", text.partition("+")[0]) for text in (one, other))
    return len(set(plain)) == 1


def _release(version: str) -> tuple[str, str]:
    """Major and minor number."""
    major, *minor = version.partition("+")[0].split(".")
    return major, minor[0] if minor else "0"
