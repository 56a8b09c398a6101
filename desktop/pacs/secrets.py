"""Passwords and tokens of nodes: in the system's keyring, or in this process only. Never in a file, never logged."""

import logging
import os
import re
import secrets
import threading
from collections.abc import Callable

from .. import logs
from .nodes import Auth, DimseNode, Node

log = logging.getLogger(__name__)

SERVICE = "negatoscope"
"""Under which the keyring has them."""

VARIABLE = "NEGATOSCOPE_PASSWORD_"
"""The name of an environment variable begins so; the node's name follows, in capitals, with _ for other signs."""

_TRUSTED_PRIORITY = 1
"""Keyrings below it keep what they are given in plain files, or nothing at all (keyring's own convention)."""


class Secrets:
    """Where the secrets of nodes are looked for: what was told to this process, the environment, the keyring.

    Args:
        ask: whoever sits there; given the node, returns its secret, or None if there is none to be had.
    """

    def __init__(self, ask: Callable[[Node], str | None] | None = None) -> None:
        self._ask = ask
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    def tell(self, node: Node, secret: str) -> None:
        """Keep a secret until this process ends."""
        with self._lock:
            self._told[node.name] = secret

    def find(self, node: Node) -> str:
        """Return a node's secret; empty if it needs none, or if there is none to be had."""
        if not needs_secret(node):
            return ""
        # One at a time: nobody answers two questions at once.
        with self._lock:
            if node.name not in self._told:
                secret = os.environ.get(variable_of(node.name)) or _from_keyring(node.secret_id)
                if secret is None and self._ask is not None:
                    secret = self._ask(node)
                if not secret:
                    return ""
                self._told[node.name] = secret
            return self._told[node.name]


def needs_secret(node: Node) -> bool:
    """Whether a node has a password, a token, or a private key that may have one."""
    if isinstance(node, DimseNode):
        return bool(node.secret_id)
    return node.auth is not Auth.NONE or bool(node.secret_id)


def variable_of(name: str) -> str:
    """Return the environment variable that may hold a node's secret."""
    return VARIABLE + re.sub(r"[^A-Z0-9]", "_", name.upper())


def make_secret_id() -> str:
    """Return a name under which the keyring may have a secret: not the node's, which others may have too."""
    return secrets.token_hex(16)


def keep_secret(secret_id: str, secret: str) -> bool:
    """Put a secret into the system's keyring; return whether it is there now."""
    import keyring
    from keyring.errors import KeyringError

    try:
        if not _is_trusted():
            return False
        keyring.set_password(SERVICE, secret_id, secret)
    except (KeyringError, OSError, RuntimeError) as error:
        log.warning("the keyring took nothing\n%s", logs.say_where(error))
        return False
    return True


def forget_secret(secret_id: str) -> None:
    """Take a secret out of the system's keyring, if it is there."""
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    if not secret_id:
        return
    try:
        if _is_trusted():
            keyring.delete_password(SERVICE, secret_id)
    except PasswordDeleteError:
        return
    except (KeyringError, OSError, RuntimeError) as error:
        log.warning("the keyring forgot nothing\n%s", logs.say_where(error))


def _from_keyring(secret_id: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    if not secret_id:
        return None
    try:
        return keyring.get_password(SERVICE, secret_id) if _is_trusted() else None
    except (KeyringError, OSError, RuntimeError) as error:
        log.warning("the keyring gave nothing\n%s", logs.say_where(error))
        return None


def _is_trusted() -> bool:
    import keyring

    return float(keyring.get_keyring().priority) >= _TRUSTED_PRIORITY
