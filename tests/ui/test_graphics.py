from pathlib import Path

import pytest

from desktop.ui import graphics
from desktop.ui.graphics import AS_IT_IS, SOFTWARE, SOFTWARE_COPIED, SWIFTSHADER, Graphics


@pytest.mark.parametrize(
    ("platform", "environment", "has_card", "first"),
    [
        ("linux", {"DISPLAY": ":0"}, True, AS_IT_IS),
        ("linux", {"DISPLAY": ":0"}, False, SOFTWARE_COPIED),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}, True, SOFTWARE_COPIED),
        ("win32", {}, True, AS_IT_IS),
        ("darwin", {}, True, AS_IT_IS),
    ],
)
def test_what_is_tried_first(platform: str, environment: dict[str, str], has_card: bool, first: str):
    tried = graphics.candidates(platform, environment, has_card=has_card)
    assert tried[0] == first
    assert tried[-1] == SWIFTSHADER
    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize(
    ("renderer", "software"),
    [
        ("ANGLE (Mesa/X.org, llvmpipe (LLVM 15.0.6 256 bits), OpenGL ES 3.2)", True),
        ("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device), SwiftShader driver)", True),
        ("ANGLE (Microsoft, Microsoft Basic Render Driver, D3D11)", True),
        ("ANGLE (Intel, Intel(R) UHD Graphics 620, D3D11)", False),
        ("Apple M2", False),
    ],
)
def test_what_is_software(renderer: str, software: bool):
    assert graphics.is_software(renderer) is software


def test_the_first_that_draws_is_taken_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graphics, "candidates", lambda *_, **__: (AS_IT_IS, SOFTWARE, SOFTWARE_COPIED))
    asked: list[str] = []

    def probe(flags: str) -> str:
        asked.append(flags)
        return "llvmpipe" if flags == SOFTWARE else ""

    memory = tmp_path / "cache" / "graphics.json"
    expected = Graphics(SOFTWARE, "llvmpipe")
    assert graphics.choose_graphics(memory, "a", probe) == expected
    assert asked == [AS_IT_IS, SOFTWARE]
    assert graphics.choose_graphics(memory, "a", probe) == expected
    assert len(asked) == 2
    # Another version or another screen may draw otherwise.
    assert graphics.choose_graphics(memory, "b", probe) == expected
    assert len(asked) == 4


def test_when_nothing_draws_it_is_tried_again_next_time(tmp_path: Path):
    memory = tmp_path / "graphics.json"
    assert graphics.choose_graphics(memory, "a", lambda _flags: "") == Graphics(SWIFTSHADER, "")
    assert not memory.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "a"}', '{"key": "b", "flags": "", "renderer": "x"}'])
def test_a_broken_memory_is_no_memory(tmp_path: Path, text: str):
    memory = tmp_path / "graphics.json"
    memory.write_text(text)
    assert graphics.choose_graphics(memory, "a", lambda _flags: "card").renderer == "card"


def test_the_users_own_flags_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(graphics.FLAGS_VARIABLE, "--mine")
    assert graphics.prepare(tmp_path / "graphics.json", "a").flags == "--mine"


def test_a_real_probe_draws_here():
    assert graphics.probe_in_process(SOFTWARE_COPIED)
