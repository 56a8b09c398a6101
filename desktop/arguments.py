"""How words of the command line are read, whatever the command."""

import argparse
from typing import Any, NoReturn

from .errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser that fails in one sentence."""

    def __init__(self, **settings: Any) -> None:
        # An abbreviated --base-dir would not be seen where the command is looked for.
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help")


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return number


def number(text: str) -> int:
    """Read a number from 0 on."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def port(text: str) -> int:
    """Read the number of a port; 0 is one too."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def name(text: str) -> str:
    """Read a name that is not empty: an empty one comes of a script's unset variable, and would mean something else."""
    if not text:
        raise argparse.ArgumentTypeError("a name is empty")
    return text
