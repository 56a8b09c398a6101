"""The file that holds the nodes. It never holds a secret; what is not understood in it is kept."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..jsonfile import read_object, replace_object
from .nodes import DimseNode, Node, Timeouts, Tls, WebNode

_LIST = "nodes"
_KINDS: dict[str, type[DimseNode] | type[WebNode]] = {"dimse": DimseNode, "dicomweb": WebNode}
_PARTS: dict[str, type[Tls] | type[Timeouts]] = {"tls": Tls, "timeouts": Timeouts}


def load_nodes(path: Path) -> tuple[Node, ...]:
    """Return the nodes, in the order in which they were added; none if there is no file.

    Raises:
        InputError: the file cannot be read, or a node in it is none.
    """
    return tuple(_from_json(value) for value in _read(path)[_LIST])


def find_node(path: Path, name: str) -> Node:
    """Return one node by its name.

    Raises:
        InputError: there is none of this name, or as of :func:`load_nodes`.
    """
    nodes = load_nodes(path)
    for node in nodes:
        if node.name == name:
            return node
    known = ", ".join(node.name for node in nodes)
    raise InputError(f"There is no node {name}. {f'There are: {known}.' if known else 'Add it: negatoscope pacs add'}")


def add_node(path: Path, node: Node) -> None:
    """Add a node behind the others.

    Raises:
        InputError: there is one of its name, the file cannot be written, or as of :func:`load_nodes`.
    """
    if any(other.name == node.name for other in load_nodes(path)):
        raise InputError(f"There is a node {node.name} already. Remove it first: negatoscope pacs remove {node.name}")
    values = _read(path)
    _write(path, values | {_LIST: [*values[_LIST], _to_json(node)]})


def remove_node(path: Path, name: str) -> Node:
    """Remove a node, and return it.

    Raises:
        InputError: there is none of this name, the file cannot be written, or as of :func:`load_nodes`.
    """
    node = find_node(path, name)
    values = _read(path)
    _write(path, values | {_LIST: [value for value in values[_LIST] if value.get("name") != name]})
    return node


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_object(path)
        for value in values.setdefault(_LIST, []):
            _from_json(value)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"The file of nodes {path} cannot be used ({error}). Mend or delete it.") from error
    return values


def _write(path: Path, values: dict[str, Any]) -> None:
    try:
        replace_object(path, values)
    except OSError as error:
        raise InputError(f"The file of nodes {path} cannot be written ({error.strerror}).") from error


def _from_json(value: dict[str, Any]) -> Node:
    """Return a node; keys that nobody knows may be a newer version's."""
    if not isinstance(value, dict):
        raise ValueError("a node is no JSON object")  # noqa: TRY004 - a fault of the file, not of the caller
    kind = _KINDS.get(value.get("kind", ""))
    if kind is None:
        raise ValueError(f"a node is of the kind {value.get('kind')!r}")
    known = {name: value[name] for name in _names_of(kind) if name in value}
    for name, part in _PARTS.items():
        if known.get(name) is not None:
            known[name] = part(**{key: known[name][key] for key in _names_of(part) if key in known[name]})
    return kind(**known)


def _to_json(node: Node) -> dict[str, Any]:
    kind = next(name for name, made in _KINDS.items() if isinstance(node, made))
    return {"kind": kind, **asdict(node)}


def _names_of(kind: type[DimseNode] | type[WebNode] | type[Tls] | type[Timeouts]) -> list[str]:
    return [field.name for field in fields(kind)]
