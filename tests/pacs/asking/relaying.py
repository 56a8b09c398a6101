"""A line to an archive that is cut when so many bytes have passed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SECONDS = 60
NEVER = 1 << 40


@contextmanager
def relay(port: int, cuts: list[int], *, forward: bool = False) -> Iterator[int]:
    """Pass connections on to a port; one after the other is cut when so many bytes have come back.

    Args:
        forward: bytes that go there are counted, not those that come back.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    left = list(cuts)
    threads: list[threading.Thread] = []
    opened: list[socket.socket] = []

    def pass_on(source: socket.socket, target: socket.socket, most: int | None) -> None:
        with suppress(OSError):
            passed = 0
            while data := source.recv(1 << 14):
                if most is not None and passed + len(data) >= most:
                    target.sendall(data[: most - passed])
                    break
                target.sendall(data)
                passed += len(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                called = socket.create_connection(("127.0.0.1", port))
                opened.extend((caller, called))
                most = left.pop(0) if left else None
                there, back = (most, None) if forward else (None, most)
                for pair in ((caller, called, there), (called, caller, back)):
                    threads.append(threading.Thread(target=pass_on, args=pair, daemon=True))
                    threads[-1].start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS)
        for one in threads:
            one.join(SECONDS)
        for line in opened:
            line.close()
