"""The words and options of ``negatoscope pacs``."""

import re
from collections.abc import Callable, Sequence

from . import arguments
from .arguments import Parser
from .pacs.nodes import Auth, Retrieve
from .pacs.query import Level

_PAST = re.compile(r"-\d+[dwmy]?(-|\.\.)?\d*")


def add_actions(parser: Parser, parents: list[Parser]) -> dict[str, Parser]:
    """Add the actions to the command's parser, and return theirs, by name.

    Args:
        parents: parsers of options that all actions have.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    made: dict[str, Parser] = {}
    for name, words, text, add_options in _ACTIONS:
        made[name] = actions.add_parser(name, help=text, description=text, parents=parents)
        if words is not None:
            text = "of a node" if words == 1 else "of a node; without one, all"
            made[name].add_argument("nodes", nargs=words, type=arguments.name, metavar="NAME", help=text)
        add_options(made[name])
    return made


def join_dates(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ``--date -7d`` as one: argparse would take ``-7d`` for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--date" and _PAST.fullmatch(word):
            joined[-1] = f"--date={word}"
        else:
            joined.append(word)
    return joined


def _add_no_options(_parser: Parser) -> None:
    pass


def _add_password_file(parser: Parser) -> None:
    parser.add_argument(
        "--password-file", metavar="FILE", help="read the node's password or token from FILE; -: standard input"
    )


def _add_node_options(parser: Parser) -> None:
    parser.add_argument("--aet", default="", metavar="AET", help="DIMSE: its AE title")
    parser.add_argument("--host", default="", metavar="HOST", help="DIMSE: its name or address")
    parser.add_argument("--port", type=arguments.port, metavar="PORT", help="DIMSE: its port")
    parser.add_argument("--our-aet", default="", metavar="AET", help="DIMSE: our AE title (NEGATOSCOPE)")
    parser.add_argument("--tls", action="store_true", help="DIMSE: secure the connection by TLS")
    parser.add_argument("--tls-ca", default="", metavar="FILE", help="trust these certificates, not the system's")
    parser.add_argument("--tls-certificate", default="", metavar="FILE", help="our certificate, if it asks for one")
    parser.add_argument("--tls-key", default="", metavar="FILE", help="our private key, if it is in another file")
    parser.add_argument(
        "--no-host-check", action="store_true", help="the name in its certificate may be that of another host"
    )
    parser.add_argument(
        "--connect-timeout", type=arguments.seconds, metavar="S", help="wait S seconds for a connection (10)"
    )
    parser.add_argument(
        "--answer-timeout", type=arguments.seconds, metavar="S", help="wait S seconds for an answer (60)"
    )
    parser.add_argument(
        "--retrieve", default="", choices=[way.value for way in Retrieve], help="DIMSE: how images are fetched (auto)"
    )
    parser.add_argument("--charset", metavar="TERM", help="DIMSE: character set of queries (ISO_IR 192); empty: none")
    parser.add_argument("--url", default="", metavar="URL", help="DICOMweb: the base address of its services")
    parser.add_argument("--auth", default="", choices=[way.value for way in Auth], help="DICOMweb: how it lets us in")
    parser.add_argument("--user", default="", metavar="USER", help="DICOMweb: for --auth basic")
    _add_password_file(parser)


def _add_search_options(parser: Parser) -> None:
    parser.add_argument("--name", default="", metavar="NAME", help="the patient's name: doe, DOE^JO*")
    parser.add_argument("--id", default="", metavar="ID", help="the Patient ID")
    parser.add_argument("--accession", default="", metavar="NUMBER", help="the accession number")
    parser.add_argument("--date", default="", metavar="DATE", help="2026-01-31, 2026-01, 20260101-20260131, today, -7d")
    parser.add_argument("--modality", default="", metavar="MODALITY", help="such as CT")
    parser.add_argument("--limit", type=arguments.number, metavar="N", help="at most N of each node (500)")
    _add_password_file(parser)


def _add_find_options(parser: Parser) -> None:
    parser.add_argument(
        "--level", default="", choices=[level.value for level in Level], help="what to search for (study)"
    )
    parser.add_argument("--description", default="", metavar="TEXT", help="part of the description")
    parser.add_argument("--referring", default="", metavar="NAME", help="the referring physician's name")
    parser.add_argument("--study", default="", metavar="UID", help="this study, or what is in it")
    parser.add_argument("--series", default="", metavar="UID", help="this series, or what is in it")
    parser.add_argument("--image", default="", metavar="UID", help="this image")
    _add_search_options(parser)


def _add_worklist_options(parser: Parser) -> None:
    parser.add_argument("--station", default="", metavar="AET", help="the modality's AE title")
    _add_search_options(parser)


def _add_retrieve_options(parser: Parser) -> None:
    parser.add_argument("--study", default="", metavar="UID", help="the study")
    parser.add_argument("--series", default="", metavar="UID", help="only this series of it")
    parser.add_argument("--image", default="", metavar="UID", help="only this image of the series")
    _add_password_file(parser)


def _add_send_options(parser: Parser) -> None:
    parser.add_argument("--study", default="", metavar="UID", help="this study of the library")
    parser.add_argument("--series", default="", metavar="UID", help="only this series of it")
    parser.add_argument("--image", default="", metavar="UID", help="only this object of it")
    parser.add_argument("--unsent", action="store_true", help="only what was made here and not sent yet")
    _add_password_file(parser)


def _add_listen_options(parser: Parser) -> None:
    parser.add_argument("--aet", default="", metavar="AET", help="our AE title")
    parser.add_argument("--port", type=arguments.port, metavar="N", help="the port; 0: any")
    parser.add_argument("--address", default="", metavar="ADDRESS", help="listen at this address of this computer")


_ACTIONS: tuple[tuple[str, int | str | None, str, Callable[[Parser], None]], ...] = (
    ("list", None, "List the nodes.", _add_no_options),
    ("add", 1, "Add a node: an archive that speaks DIMSE or DICOMweb.", _add_node_options),
    ("remove", 1, "Remove a node, and forget its password.", _add_no_options),
    ("echo", "*", "Ask nodes whether they are there and let us in.", _add_password_file),
    ("find", "*", "Search at nodes.", _add_find_options),
    ("worklist", "*", "List what is planned for modalities.", _add_worklist_options),
    ("get", 1, "Fetch a study, series or image into the library.", _add_retrieve_options),
    ("move", 1, "The same, by C-MOVE.", _add_retrieve_options),
    ("send", 1, "Send a study, series or object, or what was made here.", _add_send_options),
    ("listen", None, "Receive images into the library, until Ctrl-C.", _add_listen_options),
)
