"""An import that is killed loses nothing: real processes, killed at random moments."""

import secrets
import sys
from pathlib import Path

import pytest
from fuzz.killing import Killing


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for as Linux has them")
def test_imports_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 32)
    print("seed", seed)
    killing = Killing(tmp_path, 200, seed)
    killing.round(3, copies=False)
    killing.round(2, copies=True)
    assert killing.figures.kills + killing.figures.missed >= 3
