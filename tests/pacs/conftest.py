"""A listener of each test's own, with a folder behind it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pacs.peers import AET, Folder

from desktop.pacs.listener import Listener, Listening


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Where objects go."""
    made = tmp_path / "came"
    made.mkdir()
    return Folder(made)


@pytest.fixture
def listen(folder: Folder) -> Iterator[Callable[..., int]]:
    """Starts listeners; returns their ports. They are closed at the end, and leave nothing half."""
    listeners = []

    def start(*, buffer: int | None = None, **settings: Any) -> int:
        listener = Listener(Listening(**{"aet": AET, **settings}), folder)
        if buffer is not None:
            # Connections inherit it.
            listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        listeners.append(listener)
        return listener.port

    yield start
    for listener in listeners:
        listener.close()
        listener.close()
    assert [path for path in folder.files() if path.suffix == ".part"] == []


@pytest.fixture
def port(listen: Callable[..., int]) -> int:
    """The port of a listener that hears this computer."""
    return listen()
