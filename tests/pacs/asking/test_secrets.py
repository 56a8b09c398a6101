"""Where passwords come from, and where they go."""

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError
from pacs.asking.conftest import Ring

from desktop.pacs.nodes import Auth, DimseNode, WebNode
from desktop.pacs.secrets import Secrets, forget_secret, keep_secret, make_secret_id, variable_of

NODE = WebNode("Röntgen 1", "https://pacs.example", Auth.BEARER, secret_id="x")


WORDS = "locked: secret"


class Poor(Ring):
    priority = 0.5  # type: ignore[assignment]


class Broken(KeyringBackend):
    priority = 5  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError(WORDS)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError(WORDS)

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringError(WORDS)


def test_a_secret_is_kept_in_the_keyring(ring: Ring) -> None:
    assert keep_secret("x", "open sesame")
    assert ring.kept == {("negatoscope", "x"): "open sesame"}
    assert Secrets().find(NODE) == "open sesame"
    forget_secret("x")
    forget_secret("x")
    forget_secret("")
    assert ring.kept == {}
    assert Secrets().find(NODE) == ""


@pytest.mark.parametrize("backend", [Poor, Broken])
def test_a_keyring_that_cannot_be_trusted_gets_nothing(
    backend: type[KeyringBackend], caplog: pytest.LogCaptureFixture
) -> None:
    keyring.set_keyring(backend())
    assert not keep_secret("x", "open sesame")
    assert Secrets().find(NODE) == ""
    forget_secret("x")
    assert "sesame" not in caplog.text
    assert "locked" not in caplog.text


def test_there_may_be_no_keyring() -> None:
    assert not keep_secret("x", "open sesame")
    assert Secrets(lambda _: "asked").find(NODE) == "asked"


def test_the_environment_comes_first_and_whoever_sits_there_last(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(node: object) -> str | None:
        asked.append("asked")
        return "answer"

    assert Secrets(ask).find(NODE) == "answer"
    keep_secret("x", "kept")
    assert Secrets(ask).find(NODE) == "kept"
    assert variable_of(NODE.name) == "NEGATOSCOPE_PASSWORD_R_NTGEN_1"
    monkeypatch.setenv("NEGATOSCOPE_PASSWORD_R_NTGEN_1", "set")
    secrets = Secrets(ask)
    assert secrets.find(NODE) == "set"
    secrets.tell(NODE, "told")
    assert secrets.find(NODE) == "told"
    assert asked == ["asked"]


def test_nobody_is_asked_twice_or_for_nothing() -> None:
    asked: list[object] = []
    secrets = Secrets(lambda node: asked.append(node) or "answer")  # type: ignore[func-returns-value]
    assert [secrets.find(NODE), secrets.find(NODE)] == ["answer", "answer"]
    assert secrets.find(WebNode("open", "http://pacs.example")) == ""
    assert secrets.find(DimseNode("a", "A", "pacs.example", 104)) == ""
    assert asked == [NODE]


def test_names_of_secrets_are_random() -> None:
    assert len({make_secret_id() for _ in range(10)}) == 10
