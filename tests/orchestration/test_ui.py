"""What a person sees: the lineage and one asset's page, in a real browser."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from monitoring_dagster.decide.rules import Partitions
from monitoring_dagster.report.links import Links
from tests.orchestration.small_project import DAYS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1900,1400", "--virtual-time-budget=30000",
)  # fmt: skip


@pytest.fixture
def address(churn_checkout) -> Iterator[str]:
    """The web server on a project with a few materialised days."""
    done = churn_checkout.run(
        "dagster", "asset", "materialize", "-m", "monitoring_dagster.definitions",
        "--select", "group:churn",
        "--partition-range", f"{DAYS[0]}...{DAYS[5]}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "dagster-webserver"), "-w", "workspace.yaml",
         "-h", "127.0.0.1", "-p", str(port)],
        cwd=churn_checkout.root, env=churn_checkout.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(lambda: urlopen(f"{address}/server_info", timeout=5).close())
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def page(url: str) -> str:
    """The page as it stands when its scripts have run."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", url],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    return done.stdout


def test_the_lineage_and_an_asset_are_there_to_see(address: str):
    lineage = page(f"{address}/locations/monitoring/asset-groups/churn/lineage")
    for name in ("contract", "profile", "drift", "outcomes", "evaluation", "verdict"):
        assert name in lineage, name
    assert "6 partitions" in lineage or "filled" in lineage
    drift = page(f"{address}/assets/churn/drift?view=overview&partition={DAYS[4]}")
    assert "features_drifted" in drift
    assert "Plots" in drift
    assert "picture" in drift
    link = Links(address, address).asset("churn", "drift", DAYS[4], Partitions.DAYS)
    partition = page(link.url)
    assert "View all historical events" in partition, "the partition of that day is open"
    assert "features_drifted" in partition
    checks = page(f"{address}/assets/churn/drift?view=checks")
    assert "feature_drift" in checks
    assert "prediction_drift" in checks


def _wait_for(answer: Callable[[], None]) -> None:
    for _ in range(120):
        try:
            return answer()
        except (URLError, OSError):
            time.sleep(0.5)
    pytest.fail("the web server did not come up in a minute")
    return None
