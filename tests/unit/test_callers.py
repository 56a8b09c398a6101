"""Who may call."""

import pytest

from desktop.callers import Callers, is_aet, is_loopback


@pytest.mark.parametrize(
    ("words", "aet", "address", "may"),
    [
        ((), "ANY", "192.0.2.1", True),
        (("ARCHIVE",), "ARCHIVE", "192.0.2.1", True),
        (("ARCHIVE",), "archive", "192.0.2.1", False),
        (("ARCHIVE",), "", "192.0.2.1", False),
        (("192.0.2.1",), "ANY", "192.0.2.1", True),
        (("192.0.2.1",), "ANY", "192.0.2.2", False),
        (("192.0.2.0/24",), "ANY", "192.0.2.200", True),
        (("192.0.2.7/24",), "ANY", "192.0.2.200", True),
        (("ARCHIVE@192.0.2.1",), "ARCHIVE", "192.0.2.1", True),
        (("ARCHIVE@192.0.2.1",), "ARCHIVE", "192.0.2.2", False),
        (("ARCHIVE@192.0.2.1",), "OTHER", "192.0.2.1", False),
        (("A@B@192.0.2.1",), "A@B", "192.0.2.1", True),
        (("OTHER", "192.0.2.1"), "ARCHIVE", "192.0.2.1", True),
        (("192.0.2.1",), "ANY", "::ffff:192.0.2.1", True),
        (("0.0.0.0/0",), "ANY", "::ffff:192.0.2.1", True),
        (("0.0.0.0/0",), "ANY", "2001:db8::1", False),
        (("2001:db8::/32",), "ANY", "2001:db8::1", True),
        (("fe80::/10",), "ANY", "fe80::1%eth0", True),
        (("192.0.2.1",), "ANY", "nonsense", False),
    ],
)
def test_who_may_call(words: tuple[str, ...], aet: str, address: str, may: bool) -> None:
    assert Callers(words).may_call(aet, address) is may
    if may:
        assert Callers(words).may_connect(address)


def test_who_may_connect() -> None:
    assert Callers(["ARCHIVE"]).may_connect("192.0.2.9")
    assert not Callers(["ARCHIVE@192.0.2.1", "192.0.2.2"]).may_connect("192.0.2.9")


@pytest.mark.parametrize(
    "word", ["", " ", "A\\B", "SEVENTEENLETTERS1", "Ä", "A@", "A@host", "@B", " A", "A\n", "1.2.3.4/99@"]
)
def test_what_names_nobody(word: str) -> None:
    with pytest.raises(ValueError, match="no AE title"):
        Callers([word])


def test_titles_and_loopback() -> None:
    assert is_aet("A")
    assert is_aet("SIXTEEN LETTERS!")
    assert [is_loopback(address) for address in ("127.0.0.1", "127.9.9.9", "::1")] == [True] * 3
    assert [is_loopback(address) for address in ("0.0.0.0", "::", "192.0.2.1", "localhost")] == [False] * 4
