import json
from pathlib import Path

import pytest
from commands import run, succeed


def test_a_family_is_swept_scored_and_kept(inside, swept):
    found = swept

    assert found["points"] == 60 and 1 <= found["scored"] <= 3
    assert found["ranges"]["params"]["min"] <= found["front"][0]["params"]
    assert all(0 <= row["score"] <= 1 for row in found["front"])
    assert all(row["size_bytes"] > 0 for row in found["front"])
    rows = json.loads(Path(found["family"]).read_text())["members"]
    assert len(rows) == found["members"]
    assert "none beats these in time and score on cpu" in succeed("family")
    other = run("family", "--points", 70)
    assert "family.json exists. Add --overwrite" in other.stderr


def test_before_any_search_a_family_is_what_its_space_costs(inside, tmp_path):
    table = Path("table.json").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        text = succeed("family", "--table", table)

    assert text.startswith("Networks of this space take ")
