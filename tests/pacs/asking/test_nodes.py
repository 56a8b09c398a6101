"""What is known of other archives, and the file that holds it."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from desktop.errors import InputError
from desktop.pacs.nodefile import add_node, find_node, load_nodes, remove_node
from desktop.pacs.nodes import Auth, DimseNode, Node, Retrieve, Timeouts, Tls, WebNode

PLAIN: dict[str, Any] = {"name": "a", "aet": "PACS", "host": "pacs.example", "port": 104}
FULL = DimseNode(
    "Röntgen 1",
    "PACS",
    "::1",
    65535,
    "ME",
    Tls("/ca", "/cert", "/key", False),
    Timeouts(1, 2.5),
    Retrieve.MOVE,
    "GBK",
    "7",
)
WEB = WebNode("web", "https://pacs.example:8443/dicom-web", Auth.BASIC, "doe", Tls("/ca"), Timeouts(3, 4), "8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "-a"}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": 5}, "name"),
        ({"aet": ""}, "AE title"),
        ({"aet": "   "}, "AE title"),
        ({"aet": "A" * 17}, "AE title"),
        ({"aet": "A\\B"}, "AE title"),
        ({"aet": "Ä"}, "AE title"),
        ({"our_aet": "A\t"}, "AE title"),
        ({"host": ""}, "host"),
        ({"host": "http://pacs"}, "host"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "104"}, "port"),
        ({"port": True}, "port"),
        ({"retrieve": "fly"}, "fly"),
        ({"charset": "ISO_IR 5"}, "no such character set"),
    ],
)
def test_what_is_no_node_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DimseNode(**PLAIN | changes)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pacs",
        "ftp://pacs",
        "http://",
        "http://a b",
        "http://u:p@pacs",
        "http://pacs?x=1",
        "http://pacs:x",
        "http://pacs:0",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        WebNode("a", url)


@pytest.mark.parametrize(
    ("auth", "user"), [(Auth.BASIC, ""), (Auth.NONE, "doe"), (Auth.BEARER, "doe"), (Auth.BASIC, "a:b")]
)
def test_a_user_goes_with_basic_authorization(auth: Auth, user: str) -> None:
    with pytest.raises(ValueError, match="user"):
        WebNode("a", "http://pacs", auth, user)


@pytest.mark.parametrize("seconds", [0, -1, 3601, "5", None, float("nan"), True])
def test_a_timeout_is_some_seconds(seconds: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Timeouts(answer=seconds)


def test_nodes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "config" / "nodes.json"
    nodes: list[Node] = [DimseNode(**PLAIN), FULL, WEB]
    assert load_nodes(path) == ()
    for node in nodes:
        add_node(path, node)
    assert list(load_nodes(path)) == nodes
    assert find_node(path, "web") == WEB
    assert remove_node(path, FULL.name) == FULL
    assert list(load_nodes(path)) == [nodes[0], WEB]
    assert [file.name for file in path.parent.iterdir()] == ["nodes.json"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_not_understood_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    old = {"kind": "dimse", **PLAIN, "colour": "red", "tls": {"ca_file": "/ca", "pins": [1]}}
    path.write_text("\ufeff" + json.dumps({"version": 7, "nodes": [old]}), encoding="utf-8")
    add_node(path, WEB)
    remove_node(path, "web")
    assert json.loads(path.read_text()) == {"version": 7, "nodes": [old]}
    assert load_nodes(path) == (DimseNode(**PLAIN, tls=Tls("/ca")),)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"\xff\xfe{}", b"[" * 100_000),
        *(
            b'{"nodes": 5}',
            b'{"nodes": [5]}',
            b'{"nodes": [{"kind": "dimse"}]}',
            b'{"nodes": [{"kind": "carrier pigeon"}]}',
        ),
        b'{"nodes": [{"kind": "dicomweb", "name": "a", "url": "http://a", "tls": 5}]}',
        b'{"nodes": [{"kind": [], "name": "a"}]}',
    ],
)
def test_a_broken_file_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    path.write_bytes(content)
    for call in (lambda: load_nodes(path), lambda: add_node(path, WEB), lambda: remove_node(path, "web")):
        with pytest.raises(InputError, match="Mend or delete it"):
            call()
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    add_node(path, WEB)
    before = path.read_bytes()
    (tmp_path / f"nodes.json.{os.getpid()}.part").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        add_node(path, FULL)
    assert path.read_bytes() == before


def test_names_are_told_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    with pytest.raises(InputError, match="negatoscope pacs add"):
        find_node(path, "a")
    add_node(path, WEB)
    with pytest.raises(InputError, match="There are: web"):
        find_node(path, "a")
    with pytest.raises(InputError, match="already"):
        add_node(path, WEB)
