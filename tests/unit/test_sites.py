"""How the server is reached from outside, and what of that can be asked for on the command line."""

import pytest

from desktop.errors import UsageError
from desktop.options import Options
from desktop.serving import describe, read_serving
from desktop.sites import LOOPBACK, ROOT, Site, read_base, read_public_url


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("", ""),
        ("/", ""),
        ("/negatoscope", "/negatoscope"),
        ("/negatoscope/", "/negatoscope"),
        ("/images/of-us/v1.2/", "/images/of-us/v1.2"),
        ("/~user_1/", "/~user_1"),
    ],
)
def test_bases(text: str, base: str) -> None:
    assert read_base(text) == base


@pytest.mark.parametrize(
    "text",
    [
        "negatoscope",
        "/a//b",
        "/..",
        "/a/../b",
        "/.a",
        "/a b",
        "/a?b",
        "/a#b",
        '/a"',
        "/<b>",
        "/ä",
        "/a%2f",
        "/a\n",
        "/$1",
        "/\\1",
    ],
)
def test_what_is_no_base(text: str) -> None:
    with pytest.raises(ValueError, match="a path such as"):
        read_base(text)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("https://images.example/negatoscope/", Site("/negatoscope", "https://images.example")),
        ("https://Images.Example", Site("", "https://images.example")),
        ("https://images.example:443/", Site("", "https://images.example")),
        ("http://images.example:80/a", Site("/a", "http://images.example")),
        ("http://images.example:443/a", Site("/a", "http://images.example:443")),
        ("https://127.0.0.1:8443", Site("", "https://127.0.0.1:8443")),
        ("https://[::1]:8443/", Site("", "https://[::1]:8443")),
        ("https://ward-pc", Site("", "https://ward-pc")),
    ],
)
def test_public_urls(text: str, site: Site) -> None:
    assert read_public_url(text) == site


@pytest.mark.parametrize(
    "text",
    [
        *("", "images.example", "ftp://images.example/", "//images.example/", "https:///a", "https://", "https://a b/"),
        *("https://user@images.example/", "https://user:secret@images.example/", "https://images.example:0/"),
        *("https://images.example:99999/", "https://images.example:x/", "https://images.example/?a=b"),
        *("https://images.example/#a", "https://images.example/..", "https://[::1/", "https://-a.example/"),
    ],
)
def test_what_is_no_public_url(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        read_public_url(text)


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/a/", "/"),
        ("/a/x", "/x"),
        ("/a/a/x", "/a/x"),
        ("/a//x", "//x"),
        ("/a", None),
        ("/", None),
        ("/ab/x", None),
        ("/b/a/x", None),
        ("", None),
    ],
)
def test_what_lies_below(path: str, below: str | None) -> None:
    assert Site("/a").strip(path) == below
    assert ROOT.strip(path) == path


@pytest.mark.parametrize(
    ("options", "setting", "address", "site"),
    [
        ({}, "", LOOPBACK, ROOT),
        ({}, "/of-settings", LOOPBACK, Site("/of-settings")),
        ({"router_basename": "/a/"}, "/of-settings", LOOPBACK, Site("/a")),
        ({"router_basename": "/"}, "/of-settings", LOOPBACK, ROOT),
        ({"public_url": "https://b.example/b/"}, "/of-settings", LOOPBACK, Site("/b", "https://b.example")),
        (
            {"public_url": "https://b.example/b/", "router_basename": "/b"},
            "",
            LOOPBACK,
            Site("/b", "https://b.example"),
        ),
        ({"address": "localhost"}, "", LOOPBACK, ROOT),
        ({"address": "127.0.0.1"}, "", LOOPBACK, ROOT),
        ({"address": "127.0.0.5"}, "", "127.0.0.5", ROOT),
        ({"address": "::1"}, "", "::1", ROOT),
        ({"address": "192.0.2.7", "self_signed": True}, "", "192.0.2.7", ROOT),
        ({"address": "0.0.0.0", "certificate": "c.pem"}, "", "0.0.0.0", ROOT),
    ],
)
def test_what_can_be_asked_for(options: dict[str, object], setting: str, address: str, site: Site) -> None:
    asked = read_serving(Options("serve", **options), setting)  # type: ignore[arg-type]
    assert (asked.address, asked.site) == (address, site)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"address": "192.0.2.7"}, "must be encrypted"),
        ({"address": "0.0.0.0"}, "must be encrypted"),
        ({"address": "::"}, "must be encrypted"),
        ({"address": "192.0.2.7", "public_url": "https://b.example/"}, "must be encrypted"),
        ({"address": "images.example", "self_signed": True}, "is an IP address"),
        ({"address": ""}, "is an IP address"),
        ({"self_signed": True, "certificate": "c.pem"}, "Choose --self-signed or --certificate"),
        ({"self_signed": True, "key": "k.pem"}, "Choose --self-signed or --certificate"),
        ({"key": "k.pem"}, "name the certificate"),
        ({"public_url": "https://b.example/b/", "router_basename": "/c"}, "another path"),
        ({"public_url": "b.example"}, "--public-url: it is a URL"),
        ({"router_basename": "a"}, "--router-basename: it is a path"),
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_serving(Options("serve", **options))  # type: ignore[arg-type]
    assert words in raised.value.sentence


def test_what_is_said() -> None:
    def say(**options: object) -> str:
        return " ".join(
            describe(
                read_serving(Options("serve", **options)),
                "http://127.0.0.1:4711",
                "AB:CD"[: 5 * bool(options.get("self_signed"))],
            )
        )  # type: ignore[arg-type]

    assert say() == "Open this address in a browser; it works once. Ctrl-C ends the server."
    assert "hand on to http://127.0.0.1:4711/a/ what is asked below /a/" in say(router_basename="/a")
    assert "at 192.0.2.7, by HTTPS" in say(address="192.0.2.7", self_signed=True)
    assert "at all addresses of this computer" in say(address="0.0.0.0", self_signed=True)
    assert say(self_signed=True).endswith("AB:CD")
