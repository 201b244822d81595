"""Every kind of finding has a page that tells the person on call what to do, and no page lies."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click import Group

from monitoring_dagster.cli import main
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.decide.rules import RULES, OnCallStep
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS

FOLDER = Path(__file__).parents[1] / "runbooks"
ON_CALL = "on_call"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
SECTIONS = [
    "What it means",
    "Look",
    "Do",
    "Usual causes",
    "Roll back?",
    "When it clears",
    "Settings",
]
CHECKS = {step.name: set(step.checks) for step in STEPS}
ASSETS = {*CHECKS, PREDICTIONS, LABELS, "retraining"}


def pages_wanted() -> set[str]:
    return {ON_CALL, *(str(kind) for kind in FindingKind)}


def sections(page: str) -> list[str]:
    return re.findall(r"^## (.+)$", page, flags=re.MULTILINE)


def body(page: str, section: str) -> str:
    return page.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0].strip()


def settings(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    """Every setting of a JSON schema, dotted."""
    for name, value in schema.get("properties", {}).items():
        yield name
        for option in (value, *value.get("anyOf", ())):
            reference = option.get("$ref", "").removeprefix("#/$defs/")
            if reference:
                yield from (f"{name}.{one}" for one in settings(whole["$defs"][reference], whole))


def test_every_kind_has_a_page():
    assert pages_wanted() - set(PAGES) == set()


def test_no_page_is_about_a_kind_that_is_gone():
    assert set(PAGES) - pages_wanted() == set()


def test_a_page_that_is_missing_or_too_many_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PAGES, "no_such_kind", "")
    monkeypatch.delitem(PAGES, "missing_day")
    with pytest.raises(AssertionError, match="missing_day"):
        test_every_kind_has_a_page()
    with pytest.raises(AssertionError, match="no_such_kind"):
        test_no_page_is_about_a_kind_that_is_gone()


@pytest.mark.parametrize("kind", list(FindingKind))
class TestPage:
    def test_it_has_its_name_and_the_sections_in_order(self, kind: FindingKind):
        page = PAGES[kind]
        assert page.startswith(f"# {kind}\n")
        assert sections(page) == SECTIONS

    def test_no_section_is_empty_and_all_fit_on_one_page(self, kind: FindingKind):
        page = PAGES[kind]
        assert all(body(page, section) for section in SECTIONS)
        assert len(page.splitlines()) < 75

    def test_each_setting_is_one_of_defs_yaml(self, kind: FindingKind):
        schema = ModelSpec.model_json_schema()
        known = set(settings(schema, schema))
        lines = body(PAGES[kind], "Settings").splitlines()
        named = [
            setting
            for line in lines
            if line.startswith("- ")
            for setting in re.findall(r"`([\w.]+)`", line.split(":")[0])
        ]
        assert named
        assert set(named) - known == set()


@pytest.mark.parametrize("name", sorted(PAGES))
class TestWords:
    def test_assets_and_checks_are_those_in_dagster(self, name: str):
        for step, check in re.findall(r"\bMODEL/(\w+)(?::(\w+))?", PAGES[name]):
            assert step in ASSETS, f"no asset MODEL/{step}"
            assert not check or check in CHECKS[step], f"no check {check} of MODEL/{step}"

    def test_commands_exist_and_have_what_they_need(self, name: str):
        assert isinstance(main, Group)
        for command, rest in re.findall(r"monitoring-dagster (\w+)([^`\n]*)", PAGES[name]):
            assert command in main.commands, f"no command {command}"
            needed = [p for p in main.commands[command].params if p.required]
            arguments = [one for one in needed if one.param_type_name == "argument"]
            assert not arguments or " MODEL" in rest
            for option in (one for one in needed if one.param_type_name == "option"):
                assert option.opts[0] in rest, f"{command} needs {option.opts[0]}"

    def test_links_lead_to_pages(self, name: str):
        assert set(re.findall(r"\]\((\w+)\.md\)", PAGES[name])) <= set(PAGES)


def test_on_call_has_the_eight_steps_of_the_command_in_its_order():
    titles = re.findall(r"^\d\. \*\*(.+?)\.\*\*", PAGES[ON_CALL], flags=re.MULTILINE)
    assert titles == list(OnCallStep)


def test_on_call_leads_to_every_kind_from_the_step_it_belongs_to():
    """The page and the command file each kind under the same step."""
    steps = re.split(r"^\d\. \*\*(.+?)\.\*\*", PAGES[ON_CALL], flags=re.MULTILINE)[1:]
    linked = {
        kind: title
        for title, text in zip(steps[::2], steps[1::2], strict=True)
        for kind in re.findall(r"\((\w+)\.md\)", text)
    }
    assert linked == {str(kind): str(rule.on_call) for kind, rule in RULES.items()}
