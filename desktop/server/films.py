"""Films for OHIF's video viewport: how far one is, and its bytes."""

import json
from concurrent.futures import Executor
from functools import partial

from ..errors import NegatoscopeError
from ..pictures.films import Film, Films
from ..pictures.stored import Place
from .answers import JSON
from .endpoints import Answer, Endpoint, Request, Stream, refuse
from .ranges import answer_part, read_file

WEBM = "video/webm"

_NOT_HERE = "There is no such film in this library."


class FilmState(Endpoint):
    """``/films/…``: how far a film is. Whoever asks has it made."""

    def __init__(self, films: Films, threads: Executor) -> None:
        super().__init__(threads)
        self._films = films

    def _answer(self, request: Request) -> Answer:
        film = look(self._films, request.place)
        if film is None:
            return refuse(404, _NOT_HERE)
        told = {
            "ready": film.file is not None,
            "progress": round(film.progress, 3),
            "frames": film.frames,
            "framesSaid": film.frames_said,
            "trouble": film.trouble,
            "url": f"{request.path}/video",
        }
        return Answer(200, JSON, json.dumps(told).encode())


class FilmVideo(Endpoint):
    """``/films/…/video``: a film that is made, also in parts."""

    def __init__(self, films: Films, threads: Executor) -> None:
        super().__init__(threads)
        self._films = films

    def _answer(self, request: Request) -> Answer | Stream:
        return answer_film(look(self._films, request.place), request.range) or refuse(404, _NOT_HERE)


def answer_film(film: Film | None, wanted: str) -> Answer | Stream | None:
    """Return the bytes of a film that a Range header asks for, or why there are none; None if it is not made yet."""
    if film is not None and film.file is not None:
        try:
            size = film.file.stat().st_size
        except FileNotFoundError:
            return None
        return answer_part(wanted, size, WEBM.encode(), partial(read_file, film.file))
    return refuse(404, film.trouble) if film is not None and film.trouble else None


def look(films: Films, place: Place) -> Film | None:
    """Return the film of an instance; None if there is no such instance."""
    try:
        return films.look(place)
    except NegatoscopeError as error:
        return Film(trouble=error.sentence)
