"""The models that a project declares; a broken file is named, and takes no other down."""

import sys
from uuid import uuid4

import pytest

from monitoring_dagster.orchestration.checking import WrongFile
from monitoring_dagster.orchestration.declared import BrokenProject, declared_in
from tests.orchestration.small_project import ATTRIBUTES, declared

# What Dagster 1.13 does itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one good model, whose Python package nobody else imports."""
    name = f"assets_{uuid4().hex}"
    (tmp_path / name / "churn").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "churn" / "defs.yaml").write_text(declared(ATTRIBUTES))
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n'
        f'[tool.dg.project]\nroot_module = "{name}"\ndefs_module = "{name}"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / name
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]


def write(project, place, text):
    path = project / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def names(project):
    found = declared_in(project.parent)
    return set(found.specs), {name: str(error) for name, error in found.broken.items()}


def test_every_model_by_its_name(project):
    write(project, "other/defs.yaml", declared(ATTRIBUTES | {"name": "second"}))
    assert names(project) == ({"churn", "second"}, {})


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        pytest.param(declared(ATTRIBUTES | {"name": "second", "ownr": "x"}), "second",
                     "Did you mean 'owner'?", id="a misspelt key: under the name it has"),
        pytest.param("a: b: c\n", "other", ":1: no valid YAML: mapping values", id="no YAML"),
        pytest.param("", "other", "No components", id="empty: under its folder's name"),
        pytest.param("type: no.Such\n", "other", "`no` not found", id="a type that is none"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_and_takes_no_other_model_down(project, text, name, words):
    write(project, "other/defs.yaml", text)
    specs, broken = names(project)
    assert specs == {"churn"}
    assert set(broken) == {name}
    assert broken[name].startswith(f"{project.name}/other/defs.yaml")
    assert words in broken[name]


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = 1 / 0\n", ":1: ZeroDivisionError"), ("def f(:\n", ":1: SyntaxError: invalid syntax")],
)
def test_python_that_is_broken_is_named_with_its_line(project, text, words):
    write(project, "helper.py", text)
    specs, broken = names(project)
    assert specs == {"churn"}
    assert [error.startswith(f"{project.name}/helper.py{words}") for error in broken.values()] == [
        True
    ]


def test_two_models_of_one_name_are_refused(project):
    write(project, "other/defs.yaml", declared(ATTRIBUTES))
    with pytest.raises(WrongFile, match="another model is named 'churn', too, in"):
        declared_in(project.parent)


def test_a_project_that_cannot_be_loaded_says_where(project):
    (project / "__init__.py").write_text("import no_such_module_of_anybody\n")
    with pytest.raises(BrokenProject) as caught:
        declared_in(project.parent)
    assert (
        f"the project in {project.parent} cannot be loaded: {project.name}/__init__.py:1: "
        in str(caught.value)
    )
    assert str(caught.value).endswith("`dg check defs` says more")


def test_a_project_file_that_is_no_toml_is_named(project):
    (project.parent / "pyproject.toml").write_text("[tool.dg.project\n")
    with pytest.raises(BrokenProject, match=r"cannot be loaded: pyproject\.toml: "):
        declared_in(project.parent)
