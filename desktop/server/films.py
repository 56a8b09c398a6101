"""Films for OHIF's video viewport: how far one is, and its bytes."""

import asyncio
import json
from concurrent.futures import Executor

from starlette.types import Receive, Scope, Send

from ..errors import NegatoscopeError
from ..pictures.films import Film, Films
from .answers import JSON, send_body, send_text
from .ranges import send_part

_NOT_HERE = "There is no such film in this library."


class FilmState:
    """ASGI: ``/films/…``: how far a film is. Whoever asks has it made."""

    def __init__(self, films: Films, threads: Executor) -> None:
        self._films = films
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        film = await look(self._films, self._threads, scope)
        if film is None:
            await send_text(send, 404, _NOT_HERE)
            return
        told = {
            "ready": film.file is not None,
            "progress": round(film.progress, 3),
            "frames": film.frames,
            "framesSaid": film.frames_said,
            "trouble": film.trouble,
            "url": f"{scope['path']}/video",
        }
        await send_body(send, 200, JSON, json.dumps(told).encode())


class FilmVideo:
    """ASGI: ``/films/…/video``: a film that is made, also in parts."""

    def __init__(self, films: Films, threads: Executor) -> None:
        self._films = films
        self._threads = threads

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        film = await look(self._films, self._threads, scope)
        if film is None or film.file is None:
            await send_text(send, 404, film.trouble if film and film.trouble else _NOT_HERE)
            return
        wanted = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"range"), "")
        try:
            await send_part(send, film.file, b"video/webm", wanted)
        except FileNotFoundError:
            await send_text(send, 404, _NOT_HERE)


async def look(films: Films, threads: Executor, scope: Scope) -> Film | None:
    """Return the film that a request is for; None if there is no such instance."""
    place = tuple(scope["path_params"][name] for name in ("study", "series", "instance"))
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(threads, films.look, place)
    except NegatoscopeError as error:
        return Film(trouble=error.sentence)
