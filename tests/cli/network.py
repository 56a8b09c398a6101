"""Runs a command where there is no network but loopback, and reads from strace whom it has tried to reach."""

import ipaddress
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

CALLS = ("connect", "sendto", "sendmsg", "sendmmsg")

IPV6_PROBE = "2001:4860:4860::8888"
"""Whether a datagram socket can be connected to it tells Chromium whether there is IPv6 at all. It asks so before each
look-up of an address, even one of digits, and no switch of its prevents it. Nothing is sent: that much is checked."""

_FAMILY = re.compile(r"sa_family=(AF_\w+)")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_LOCAL = frozenset({"AF_UNIX", "AF_NETLINK", "AF_UNSPEC"})


@cache
def why_not() -> str | None:
    """Return why there can be no such network here; None if there can."""
    missing = [name for name in ("unshare", "ip", "strace") if shutil.which(name) is None]
    if sys.platform != "linux" or missing:
        return f"not here: {', '.join(missing)}" if missing else "namespaces are Linux's"
    done = subprocess.run(alone(["strace", "-qq", "true"]), capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"namespaces or strace are not allowed here: {done.stderr.strip()}"


def alone(command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command in a network with nothing but loopback."""
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


def traced(command: Sequence[str], trace: Path) -> list[str]:
    """Return the command line that writes down what a command and all of its children connect and send to."""
    calls = f"trace={','.join(CALLS)}"
    options = ("-f", "--seccomp-bpf", "-qq", "-yy", "-s", "0", "-e", calls, "-e", "signal=none")
    return ["strace", *options, "-o", str(trace), *command]


def find_outgoing(trace: str) -> list[str]:
    """Return the lines of calls that reach for something outside of this computer."""
    return [line for line in trace.splitlines() if _leaves(line)]


def count_probes(trace: str) -> int:
    """Return how often :data:`IPV6_PROBE` was connected to."""
    return sum(_is_probe(line) for line in trace.splitlines())


def _leaves(line: str) -> bool:
    call = re.search(rf"\b({'|'.join(CALLS)})\(", line)
    if call is None or _is_probe(line):
        return False
    address = _ADDRESS.search(line)
    if address is not None:
        return not ipaddress.ip_address(address[1] or address[2]).is_loopback
    family = _FAMILY.search(line)
    if family is not None:
        return family[1] not in _LOCAL
    # Without an address, it goes where the socket is connected to. That was looked at when it was, but for the probe.
    return call[1] != "connect" and re.search(r"\(\d+<UDP", line) is not None


def _is_probe(line: str) -> bool:
    return re.search(rf'\bconnect\(\d+<UDPv6:.*inet_pton\(AF_INET6, "{IPV6_PROBE}"', line) is not None
