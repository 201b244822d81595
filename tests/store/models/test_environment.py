"""What a version was made with is read however it is written, and told apart where it matters."""

from importlib.metadata import PackageNotFoundError, version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.store.models.environment import (
    LIBRARIES,
    Differing,
    differing,
    hash_of_files,
    installed_libraries,
    is_same_code,
    libraries_in,
)


def files(folder, **contents):
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def test_the_same_code_elsewhere_has_the_same_hash(tmp_path):
    """Under other names, in another order, with the line ends of Windows."""
    here = files(tmp_path / "training", features=b"x = 1\ny = 2\n", joins=b"z")
    there = files(tmp_path / "serving", j=b"z", f=b"x = 1\r\ny = 2\r\n")
    assert hash_of_files(here) == hash_of_files(there)
    assert len(hash_of_files(here)) == 64


@pytest.mark.parametrize("change", [b"x = 2\ny = 2\n", b"x = 1\ny = 2", b""])
def test_another_code_has_another_hash(tmp_path, change):
    one, other = files(tmp_path / "code", one=b"x = 1\ny = 2\n", other=change)
    assert hash_of_files([one]) != hash_of_files([other])
    assert hash_of_files([one]) != hash_of_files([one, other])


def test_a_file_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_of_files([tmp_path / "gone.py"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("v3", "v3", True, id="the same words"),
        pytest.param(" A1B2C3D ", "a1b2c3d", True, id="blanks and capitals"),
        pytest.param("a1b2c3d", "a1b2c3d4e5f60718", True, id="a commit and its first 7 digits"),
        pytest.param("a1b2c3", "a1b2c3d4e5f60718", False, id="6 digits may be of several commits"),
        pytest.param("a1b2c3d", "a1b2c3d-dirty", False, id="a change that nobody committed"),
        pytest.param("a1b2c3d", "a1b2c3e", False, id="two commits"),
        pytest.param("release", "release-2", False, id="words that begin alike"),
    ],
)
def test_two_hashes_are_of_one_code(one, other, same):
    assert is_same_code(one, other) is same
    assert is_same_code(other, one) is same


@pytest.mark.parametrize(
    ("written", "found"),
    [
        pytest.param('{"numpy": "2.1.0", "Scikit_Learn": "1.5"}',
                     {"numpy": "2.1.0", "scikit-learn": "1.5"}, id="JSON"),
        pytest.param("numpy==2.1.0\nscikit-learn == 1.5  # pinned\n", {"numpy": "2.1.0",
                     "scikit-learn": "1.5"}, id="requirements"),
        pytest.param("numpy==2.1.0, xgboost[gpu]===2.0; sys_platform == 'linux'",
                     {"numpy": "2.1.0", "xgboost": "2.0"}, id="in one line"),
        pytest.param("pandas>=2, -r more.txt, git+https://x", {}, id="nothing pinned"),
        pytest.param('{"numpy": null, "pandas": true, "scipy": ["1"], "torch": 2}',
                     {"torch": "2"}, id="values that are no version"),
        pytest.param('["numpy==1"]', {}, id="no object"),
        pytest.param("[" * 4000, {}, id="brackets without end"),
        pytest.param("", {}, id="nothing"),
    ],
)  # fmt: skip
def test_libraries_are_read_as_json_or_as_requirements(written, found):
    assert libraries_in(written) == found


@given(st.text(max_size=200))
def test_no_text_is_an_error(written):
    """It comes from a log that anybody writes."""
    assert all(isinstance(one, str) for one in libraries_in(written).values())


@pytest.mark.parametrize(
    ("trained", "serving", "is_patch"),
    [
        pytest.param("1.5.0", "1.5.2", True, id="patch"),
        pytest.param("1.5", "1.5.1", True, id="patch of none"),
        pytest.param("1.4.2", "1.5.0", False, id="minor"),
        pytest.param("1.5", "2.5", False, id="major"),
        pytest.param("1", "1.1", False, id="minor of none"),
        pytest.param("1.10", "1.1", False, id="ten is not one"),
        pytest.param("1.5.0", "1.5", None, id="a zero more"),
        pytest.param("2.3.0+cu121", "2.3.0", None, id="a local build"),
    ],
)
def test_how_far_two_versions_lie_apart(trained, serving, is_patch):
    found = differing({"torch": trained}, {"Torch": serving})
    expected = [] if is_patch is None else [Differing("torch", trained, serving)]
    assert found == expected
    assert [one.is_patch for one in found] == [is_patch] * len(found)


def test_only_libraries_that_both_name_differ_the_farthest_first():
    trained = {"b": "1.0.0", "a": "1.0.0", "c": "1.0", "only-trained": "1"}
    found = differing(trained, {"a": "1.0.1", "b": "1.0.1", "c": "2.0", "only-serving": "1"})
    assert [one.name for one in found] == ["c", "a", "b"]


def test_what_is_installed_is_named_as_on_pypi():
    assert installed_libraries()["scikit-learn"] == version("scikit-learn")
    assert tuple(installed_libraries()) == LIBRARIES
    with pytest.raises(PackageNotFoundError):
        installed_libraries(["no-such-library"])
