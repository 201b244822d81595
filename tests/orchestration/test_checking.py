"""Every model's file is checked: each mistake with its line and the way out."""

import pytest

from monitoring_dagster.orchestration.checking import (
    DeclaredModel,
    Mistake,
    WrongFile,
    mistakes_below,
    read_file,
    repeated_keys,
    same_names,
)

GOOD = """\
type: monitoring_dagster.orchestration.MonitoredModel
attributes:
  name: {name}
  owner: team:small
  task: binary
  predictions:
    path: data/{{day}}.parquet
"""


@pytest.fixture
def file(tmp_path):
    """Write a defs.yaml; returns its path."""

    def written(content, folder="tiny", name="defs.yaml"):
        path = tmp_path / "assets" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def good(name="tiny", more=""):
    return GOOD.format(name=name) + more


def said(found):
    return [(one.line, one.words) for one in found]


def test_a_good_file_declares_its_model_and_has_no_mistake(file, tmp_path):
    path = file(good())
    assert read_file(path, tmp_path) == ([], [DeclaredModel("tiny", path, 3)])


def test_several_models_in_one_file_are_all_found(file, tmp_path):
    mistakes, names = read_file(file(f"{good('a')}---\n{good('b')}"), tmp_path)
    assert mistakes == []
    assert [(one.name, one.line) for one in names] == [("a", 3), ("b", 11)]


def test_a_file_of_somebody_elses_component_is_none_of_ours(file, tmp_path):
    text = "type: dagster.DefsFolderComponent\nattributes:\n  a: 1\n  a: 2\n"
    assert read_file(file(text), tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        pytest.param("", 1, "the file is empty: write type: monitoring_dagster", id="empty"),
        pytest.param(b"\xff\xfe", 1, "the file is not UTF-8: save it as such", id="no text"),
        pytest.param("a: b: c\n", 1, "the file is no YAML (mapping values are not", id="no YAML"),
        pytest.param("a:\n\tb: 1\n", 2, "indent with blanks", id="a tab"),
        pytest.param("a: 1\n\nb: @x\n", 3, "write text that begins with {, * or & in quotes",
                     id="an @"),
        pytest.param("a: \x01\n", 1, "it holds control characters", id="control characters"),
        pytest.param("- a\n- b\n", 1, "a mapping (key: value) is wanted here", id="a list"),
        pytest.param(good(more="  ownr: x\n"), 8, "ownr: there is no key 'ownr'. Did you mean",
                     id="a misspelt key"),
        pytest.param(good().replace("binary", "binry"), 5, "task", id="a wrong value"),
        pytest.param(good().replace("attributes:", "attribute:"), 2,
                     "there is no key 'attribute'. Did you mean 'attributes'?",
                     id="a misspelt key at the top"),
        pytest.param("type: monitoring_dagster.orchestration.MonitoredModel\n", 1,
                     "attributes: a mapping (key: value) is wanted here", id="no attributes"),
        pytest.param(good(more="  owner: other\n"), 8,
                     "the key 'owner' stands twice, first in line 4: only the last would count",
                     id="a key that stands twice"),
        pytest.param(good(more="  expectations: gone.json\n"), 8, "attributes.expectations: ",
                     id="a suite that is not there"),
        pytest.param(good(more="  schedule:\n    at: '22:00'\n    grace_minutes: 120\n"), 10,
                     "passes midnight UTC", id="a grace that is too long"),
    ],
)  # fmt: skip
def test_a_mistake_stands_with_its_line(file, tmp_path, content, line, words):
    path = file(content)
    mistakes, _ = read_file(path, tmp_path)
    assert line in [one.line for one in mistakes]
    assert any(words in one.words for one in mistakes if one.line == line), said(mistakes)
    assert str(mistakes[0]).startswith(f"{path}:{mistakes[0].line} - ")


def test_a_template_names_a_suite_that_nobody_can_look_for(file, tmp_path):
    path = file(good(more='  expectations: "{{ env.SUITE }}.json"\n'))
    assert read_file(path, tmp_path)[0] == []


def test_keys_that_stand_twice_are_found_at_any_depth_and_in_any_document(file):
    found = repeated_keys(file("a:\n  - b: 1\n    b: 2\n---\nc: 1\nc: 2\nc: 3\n"))
    assert sorted(one.line for one in found) == [3, 6, 7]


def test_anchors_are_followed_once_and_a_merge_is_no_repetition(file):
    text = "a: &x\n  k: 1\n  k: 2\nb: *x\nc:\n  <<: *x\n  <<: *x\nd: &d\n  e: *d\n"
    assert [one.line for one in repeated_keys(file(text))] == [3]


def declared(*names, file):
    return [DeclaredModel(name, file, line) for line, name in enumerate(names, start=1)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["a", "b"], [], id="two names"),
        pytest.param(["a", "a"], [(2, "another model is named 'a', too, in f.yaml:1")], id="one"),
        pytest.param(["a", "A"], [(2, "'A' and 'a' in f.yaml:1 differ by capitals alone")],
                     id="capitals alone"),
        pytest.param(["a", "b", "a", "a"], [(3, "f.yaml:1"), (4, "f.yaml:1")], id="three of one"),
        pytest.param([], [], id="none"),
    ],
)  # fmt: skip
def test_two_models_of_one_name_are_told_beside_the_first(names, expected):
    found = same_names(declared(*names, file="f.yaml"))
    assert [one.line for one in found] == [line for line, _ in expected]
    for one, (_, words) in zip(found, expected, strict=True):
        assert words in one.words
        assert one.words.endswith("give one of them another name")


def test_all_files_are_looked_at_in_their_order_and_the_settings_too(file, tmp_path):
    first = file(good("one", "  ownr: x\n"), "a")
    other = file(good("one"), "b", "component.yaml")
    (tmp_path / "pyproject.toml").write_text("[tool.monitoring_dagster]\nscedule = 1\n")
    found = mistakes_below(tmp_path / "assets", tmp_path, lambda _: True)
    assert [(one.file, one.line) for one in found] == [
        (first, 8), (other, 3), (tmp_path / "pyproject.toml", 2)
    ]  # fmt: skip
    chosen = mistakes_below(tmp_path / "assets", tmp_path, lambda one: one == other)
    assert [one.file for one in chosen] == [other]


def test_no_files_have_no_mistakes(tmp_path):
    assert mistakes_below(tmp_path, tmp_path, lambda _: True) == []


def test_all_mistakes_are_one_error_with_a_line_each(tmp_path):
    wrong = [Mistake(tmp_path / "a", 1, "x"), Mistake(tmp_path / "b", 2, "y")]
    assert str(WrongFile.of(wrong)).splitlines() == [f"{tmp_path}/a:1 - x", f"{tmp_path}/b:2 - y"]
