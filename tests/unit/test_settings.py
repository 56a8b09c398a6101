"""Settings files as users leave them."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.errors import InputError
from desktop.settings import DataSource, Settings, load_settings, save_settings


@given(source=st.sampled_from(DataSource), port=st.integers(0, 65535))
def test_settings_come_back(source: DataSource, port: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "settings.json"
    path.unlink(missing_ok=True)
    assert save_settings(path, data_source=source, port=port) == load_settings(path) == Settings(source, port)


@pytest.mark.parametrize("port", [-1, 65536, "80", 1.5, None, True, [80]])
def test_a_port_is_a_number_of_a_port(port: object, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"port": port}))
    with pytest.raises(InputError, match="cannot be used"):
        load_settings(path)


@pytest.mark.parametrize(
    "values",
    [
        {"listen": 1},
        {"listen_aet": ""},
        {"listen_aet": "SEVENTEEN LETTERS"},
        {"listen_aet": 7},
        {"listen_port": 70000},
        {"listen_address": "somewhere"},
        {"listen_address": 7},
        {"listen_address": "0.0.0.0"},
        {"listen_address": "::", "listen_callers": []},
        {"listen_callers": "ARCHIVE"},
        {"listen_callers": [7]},
        {"listen_callers": ["A@B"]},
        {"listen_associations": 0},
        {"listen_certificate": None},
        {"listen_authorities": "ca.pem"},
    ],
)
def test_what_nobody_can_listen_with(values: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="cannot be used"):
        load_settings(path)


def test_who_may_call_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    callers = ("ARCHIVE", "192.0.2.0/24")
    assert save_settings(path, listen_address="0.0.0.0", listen_callers=callers) == load_settings(path)
    assert load_settings(path).listen_callers == callers
    assert save_settings(path, listen_callers=("0.0.0.0/0",)).listen_address == "0.0.0.0"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b'{"data_source": "disk"}', b"[" * 100_000]
)
def test_a_broken_file_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    for call in (lambda: load_settings(path), lambda: save_settings(path, port=1)):
        with pytest.raises(InputError, match="Mend or delete it"):
            call()
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b'\xef\xbb\xbf{"port": 80}')
    assert load_settings(path).port == 80
    assert save_settings(path, port=81).port == 81


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(InputError, match="cannot be used"):
        load_settings(tmp_path / "settings.json")


@pytest.mark.skipif(sys.platform == "win32", reason="other rules there")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError):
        save_settings(tmp_path / "file" / "settings.json", port=1)


def test_an_unknown_setting_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_settings(tmp_path / "settings.json", colour="red")
    assert list(tmp_path.iterdir()) == []
