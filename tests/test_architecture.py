"""The house plan, as a test: who may lean on whom, and who may know the outside world."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "monitoring_dagster"
WITHOUT_A_TEST_FILE = {"__init__", "definitions"}  # nothing is said there that is not said below

# Ground floor first. A room may import itself and the rooms below it.
FLOORS = [
    "errors", "kinds", "stats", "spec", "decide", "report", "sources", "store", "serving",
    "standalone", "measure", "judge", "act", "views", "daily", "orchestration", "definitions",
    "demo", "cli",
]  # fmt: skip

# The only rooms that may know a foreign library; a path names the one file.
AT_HOME = {
    "apprise": {"act/notify/senders/apprise_urls.py"},
    "dagster": {"orchestration", "definitions", "demo"},
    "dagster_postgres": {"orchestration"},
    "duckdb": {
        "sources/tables/csv_files.py",
        "sources/rows/expressions.py",
        "sources/labels/labels.py",
        "sources/labels/label_account.py",
        "sources/rows/rows.py",
    },
    "great_expectations": {"sources/suites/contracts.py"},
    "jinja2": {"report"},
    "mlflow": {"store/models/registry.py"},
    "py4j": {"sources/rows/spark.py"},
    "pyspark": {"sources/rows/spark.py"},
    "requests": {"act/notify/senders/https.py"},
    "smtplib": {"act/notify/senders/smtp.py"},
    "slack_sdk": {
        "act/notify/senders/slack.py",
        "act/notify/senders/slack_calls.py",
        "act/notify/senders/slack_socket.py",
    },
    "urllib3": {"act/notify/senders/https.py"},
    "sqlalchemy": {
        "store/ledger/database.py",
        "store/ledger/schema.py",
        "orchestration/storage.py",
    },
}


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import, lazy ones included: (file, its room, full name)."""
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        room = place.split("/")[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((place, room, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{place} hides where it reaches: import by full name"
                yield from ((place, room, f"{node.module}.{alias.name}") for alias in node.names)


def test_imports_run_downhill():
    for place, room, name in imports():
        if name.startswith(f"{PACKAGE.name}."):
            target = name.split(".")[1]
            assert room == "__init__" or FLOORS.index(target) <= FLOORS.index(room), (
                f"{place} climbs up to {target}"
            )


def test_no_chain_of_imports_is_longer_than_eighteen_files():
    """Whoever changes a file looks through few others to see what it rests on."""
    files = {
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for file in PACKAGE.rglob("*.py")
    }
    below: defaultdict[str, set[str]] = defaultdict(set)
    for place, _, name in imports():
        importer = f"{PACKAGE.name}/{place.removesuffix('.py')}".removesuffix("/__init__")
        target = name if name in files else name.rpartition(".")[0]
        below[importer.replace("/", ".")] |= {target} & files

    @cache
    def longest(file: str) -> list[str]:
        return [file, *max(map(longest, sorted(below[file])), key=len, default=[])]

    chain = max(map(longest, sorted(files)), key=len)
    assert len(chain) <= 18, f"{len(chain)} files: {' -> '.join(chain)}"


def test_no_step_imports_a_step():
    """They meet in `store`; only the verdict, which judges what others stored, looks at them."""
    steps = {
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for file in (PACKAGE / "measure").rglob("*.py")
        if "\ndef run(" in file.read_text()
    }
    assert len(steps) == 9
    for place, _, name in imports():
        importer = f"{PACKAGE.name}.{place.removesuffix('.py').replace('/', '.')}"
        if importer in steps:
            assert not {name, name.rpartition(".")[0]} & steps, f"{place} imports {name}"


def test_foreign_libraries_stay_at_the_door():
    for place, room, name in imports():
        library = name.split(".")[0]
        allowed = AT_HOME.get(library, {room})
        assert allowed & {room, place}, f"only {allowed} may know {library}: {place}"


def test_a_room_holds_at_most_twelve_files():
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    rooms = Counter(file.relative_to(PACKAGE).parent.as_posix() for file in files)
    assert max(rooms.values()) <= 12, rooms.most_common(3)


def test_every_file_has_a_test_file_of_its_own():
    """Beside others: what a file promises is looked for under its name."""
    written = {file.stem for file in TESTS.rglob("test_*.py")}
    files = [file for file in PACKAGE.rglob("*.py") if file.stem not in WITHOUT_A_TEST_FILE]
    without = sorted(
        str(file.relative_to(PACKAGE)) for file in files if f"test_{file.stem}" not in written
    )
    assert not without


def test_tests_are_as_long_as_what_they_test():
    package, tests = (
        sum(len(file.read_text().splitlines()) for file in folder.rglob("*.py"))
        for folder in (PACKAGE, TESTS)
    )
    assert tests >= package, f"{tests:,} lines of tests for {package:,} of the package"


def test_no_file_and_no_class_name_means_two_things():
    modules = [file for file in PACKAGE.rglob("*.py") if file.stem != "__init__"]
    files = Counter(file.stem for file in modules)
    classes = Counter(
        node.name
        for file in modules
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, n in (files + classes).items() if n > 1]


def test_the_numeric_core_knows_no_frames_no_clock_and_no_files():
    for place, room, name in imports():
        if room == "stats":
            assert name.split(".")[0] not in {
                "pandas",
                "datetime.datetime",
                "time",
                "pathlib",
                "os",
            }, place


def test_a_function_has_at_most_sixty_lines_beside_its_docstring():
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                start = node.body[0].end_lineno if documented else node.lineno - 1
                head = node.body[0].lineno - node.lineno if documented else 0
                lines = node.end_lineno - start + head
                assert lines <= 60, f"{node.name} in {file} has {lines} lines"
