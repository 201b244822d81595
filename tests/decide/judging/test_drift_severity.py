"""Which drift is how urgent, and which column speaks for which."""

import pytest

from monitoring_dagster.decide.judging.drift_severity import severity_of, unusable_shares
from monitoring_dagster.kinds import Severity

FEATURE = {
    "role": "feature", "segment": "", "psi": 0.1, "broken": [],
    **{f"{share}_share_{side}": 0.0
       for share in ("null", "infinite", "unseen") for side in ("reference", "current")},
}  # fmt: skip


def lacking(share, before, now, *, kind, **more):
    return {
        **FEATURE, f"{share}_share_reference": before, f"{share}_share_current": now,
        "broken": [kind], **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "severity"),
    [
        pytest.param(FEATURE, Severity.P3, id="moved a little"),
        pytest.param(FEATURE | {"psi": 0.16}, Severity.P2, id="moved far"),
        pytest.param(FEATURE | {"psi": None}, Severity.P3, id="no PSI"),
        pytest.param(FEATURE | {"role": "answer"}, Severity.P2, id="an answer that moved a little"),
        pytest.param(FEATURE | {"role": "answer", "psi": 9}, Severity.P1, id="an answer, far"),
        pytest.param(FEATURE | {"segment": "country", "psi": 9}, Severity.P3, id="in a segment"),
        pytest.param(lacking("null", 0, 1, kind="missing"), Severity.P1, id="all missing"),
        pytest.param(lacking("null", 0, 0.5, kind="missing"), Severity.P1, id="half missing"),
        pytest.param(lacking("null", 0, 0.49, kind="missing"), Severity.P3, id="less than half"),
        pytest.param(
            lacking("null", 0.3, 0.6, kind="missing"), Severity.P1, id="twice as many, now most"
        ),
        pytest.param(
            lacking("null", 0.6, 0.65, kind="missing", psi=9), Severity.P2, id="seldom there before"
        ),
        pytest.param(
            lacking("null", 0.8, 1.0, kind="missing"), Severity.P1, id="the last values are gone"
        ),
        pytest.param(
            lacking("unseen", 0, 0.7, kind="new_category"), Severity.P1, id="mostly new categories"
        ),
        pytest.param(
            lacking("unseen", 0.9, 0.95, kind="new_category"), Severity.P3, id="always new ones"
        ),
        pytest.param(
            lacking("infinite", 0, 0.5, kind="infinite"), Severity.P1, id="mostly infinite"
        ),
        pytest.param(
            lacking("unseen", 0, 1, kind="out_of_range", psi=9), Severity.P2, id="another unit"
        ),
        pytest.param(
            lacking("null", 0, 0.3, kind="missing", broken=["missing", "new_category"],
                    unseen_share_current=0.3),
            Severity.P1,
            id="missing and new together",
        ),
        pytest.param(
            lacking("null", 0, 1, kind="missing", segment="country"), Severity.P3,
            id="missing in a segment alone",
        ),
        pytest.param(
            {name: value for name, value in FEATURE.items() if name != "broken"}, Severity.P3,
            id="a day that was stored before anybody counted",
        ),
    ],
)  # fmt: skip
def test_a_broken_input_is_louder_than_drift(row, severity):
    assert severity_of(row, psi_alert=0.15) is severity


@pytest.mark.parametrize(
    ("row", "shares"),
    [
        pytest.param(lacking("null", 0.1, 0.6, kind="missing"), (0.1, 0.6), id="missing"),
        pytest.param(
            lacking("null", 0.1, 0.3, kind="missing", broken=["missing", "new_category"],
                    unseen_share_current=0.3),
            (0.1, 0.6),
            id="missing and new together",
        ),
        pytest.param(lacking("null", 0.1, 0.4, kind="missing"), None, id="less than half"),
        pytest.param(lacking("null", 0, 1, kind="missing", segment="country"), None,
                     id="of a segment"),
        pytest.param(FEATURE | {"psi": 9}, None, id="moved far"),
        pytest.param(lacking("null", 0.1, 0.2, kind="constant"), (0.1, 1.0), id="one value"),
    ],
)  # fmt: skip
def test_a_broken_column_has_its_shares_before_and_now(row, shares):
    assert unusable_shares(row) == (None if shares is None else pytest.approx(shares))
