"""Who may send us images: by AE title, by address, or by both."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST_AET = 16

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_aet(text: str) -> bool:
    """Whether ``text`` is an AE title: 1 to 16 letters of ASCII, no backslash, no space around it (PS3.5 §6.2)."""
    return 0 < len(text) <= _LONGEST_AET and text.isascii() and text.isprintable() and "\\" not in text == text.strip()


@dataclass(frozen=True, slots=True)
class Caller:
    """One rule of who may call.

    Attributes:
        aet: the AE title; empty for any.
        network: of the address; None for any.
    """

    aet: str = ""
    network: _Network | None = None


class Callers:
    """Who may call.

    Args:
        words: each an AE title (``ARCHIVE``), an address or network (``192.0.2.7``, ``192.0.2.0/24``), or both
            (``ARCHIVE@192.0.2.7``). None at all: whoever reaches us.

    Raises:
        ValueError: a word is none of these.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._rules: Sequence[Caller] = tuple(map(_parse, words))

    def __bool__(self) -> bool:
        """Whether anybody is named."""
        return bool(self._rules)

    def may_connect(self, address: str) -> bool:
        """Whether somebody at this address may be heard at all."""
        return not self._rules or any(_is_in(address, rule.network) for rule in self._rules)

    def may_call(self, aet: str, address: str) -> bool:
        """Whether who calls itself so, from this address, may send."""
        return not self._rules or any(rule.aet in ("", aet) and _is_in(address, rule.network) for rule in self._rules)


def is_loopback(address: str) -> bool:
    """Whether nobody but programs of this computer reach this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _parse(word: str) -> Caller:
    aet, at, place = word.rpartition("@")
    network = _network(place)
    if network is not None and (is_aet(aet) or not at):
        return Caller(aet, network)
    if at or not is_aet(word):
        raise ValueError(f"{word!r} is no AE title, no address, and not AET@ADDRESS")
    return Caller(word)


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_in(address: str, network: _Network | None) -> bool:
    if network is None:
        return True
    try:
        place = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(place, ipaddress.IPv6Address) and place.ipv4_mapped is not None:
        # So a socket for both kinds of addresses names those of the older kind.
        place = place.ipv4_mapped
    return place in network
