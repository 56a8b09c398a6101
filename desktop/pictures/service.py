"""Has pictures drawn by worker processes, and keeps the small ones."""

import logging
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as TooLate
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import ParamSpec, TypeVar

from ..dicom.frames import NoFrame
from ..dicom.keyring import keys
from ..dicom.pixels.format import NoPixels
from ..dicom.pixels.references import Reference
from ..dicom.recent import Recent
from ..library.store import Store
from ..library.thumbnails import Thumbnail, find_thumbnail, keep_thumbnail
from ..workers import WorkerPool
from .drawing import (
    decode_for_viewer,
    decode_plain,
    draw_animation,
    draw_presented,
    draw_rendered,
    draw_thumbnail,
    present,
)
from .presented import find_presented
from .rendering import Rendering
from .stored import Place, Stored, find_stored

log = logging.getLogger(__name__)

THUMBNAIL_SIZE = 192
"""Pixels of a thumbnail's longer side: enough for the study browser on a screen of high density."""

_FORM = "1"
"""Of the thumbnails that are kept: it changes with how they are drawn."""

_PATIENCE_SECONDS = 60.0
_ATTEMPTS = 2
_KEPT_BYTES = 1 << 24
_NEVER = "Its pixels are damaged: nothing can decode them."
_TOO_SLOW = f"Drawing it took more than {_PATIENCE_SECONDS:g} s, and was given up. Try again when less is done at once."

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")


class _GivenUp(NoPixels):
    """It took too long, or ended its process; perhaps another one's frame did, so that is not kept."""


class Pictures:
    """Draws and decodes frames of the library, for any thread. Close it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = WorkerPool(min(4, max(2, (os.cpu_count() or 2) // 2)))
        self._kept: Recent[Thumbnail] = Recent(_KEPT_BYTES, lambda kept: len(kept.image or b""))

    def warm_up(self) -> None:
        """Start the workers before there is work."""
        self._pool.warm_up()

    def close(self) -> None:
        """End the workers. May be called twice."""
        self._pool.close()

    def thumbnail(self, place: Place, number: int) -> bytes | None:
        """Return a frame as a small JPEG, from what is kept if it can be; None if it cannot be drawn.

        Of a presentation state, it is the frame as that shows it.

        Raises:
            NoFrame: there is no such instance.
            FileGone, NegatoscopeError, OSError: its file cannot be read now.
        """
        stored = self._find(place)
        name = f"{stored.instance.SOPInstanceUID}/{number}"
        stamp = f"{_FORM} {THUMBNAIL_SIZE} {stored.file.size} {stored.file.mtime_ns}"
        if stored.pixels.offset < 0:
            # What is drawn is another file's.
            _, image, reference, _ = self._presented(stored, number)
            file, shown = image.file, f"{image.instance.SOPInstanceUID} {reference.frame}"
            stamp += f" {zlib.crc32(stored.packed)} {shown} {file.size} {file.mtime_ns}"
        kept = find_thumbnail(self._store.reader(), place[0], name, stamp)
        if kept is None:
            kept = self._kept.get((place, name, stamp), partial(self._draw_thumbnail, stored, number))
            if not self._store.reads_only:
                self._store.write(partial(keep_thumbnail, place[0], name, stamp, kept))
        return kept.image

    def _draw_thumbnail(self, stored: Stored, number: int) -> Thumbnail:
        try:
            if stored.pixels.offset < 0:
                return Thumbnail(self._run(draw_presented, *self._presented(stored, number), THUMBNAIL_SIZE, keys()))
            return Thumbnail(self._run(draw_thumbnail, stored, number, THUMBNAIL_SIZE, keys()))
        except _GivenUp:
            raise
        except (NoPixels, NoFrame):
            return Thumbnail(None)

    def render(self, stored: Stored, number: int, rendering: Rendering) -> bytes:
        """Return a frame as a picture.

        Raises:
            NoFrame, NoPixels: it cannot be drawn.
            FileGone, NegatoscopeError, OSError: as :meth:`thumbnail`.
        """
        return self._run(draw_rendered, stored, number, rendering, keys())

    def animate(self, stored: Stored, rendering: Rendering) -> bytes:
        """Return all frames of an image as one animated GIF; as :meth:`render`."""
        return self._run(draw_animation, stored, rendering, keys())

    def decode(self, place: Place, numbers: Sequence[int]) -> list[bytes]:
        """Return frames as the viewer is sent them where it cannot read them itself.

        Raises:
            NoFrame, NoPixels: they cannot be decoded.
            FileGone, NegatoscopeError, OSError: as :meth:`thumbnail`.
        """
        return self._run(decode_for_viewer, self._find(place), tuple(numbers), keys())

    def decode_plain(self, stored: Stored, numbers: Sequence[int]) -> list[bytes]:
        """Return frames as they are in a native transfer syntax, each with its exact values.

        Raises:
            NoFrame, NoPixels: they cannot be decoded.
            FileGone, NegatoscopeError, OSError: as :meth:`thumbnail`.
        """
        return self._run(decode_plain, stored, tuple(numbers), keys())

    def present(self, place: Place, number: int, stamp: str) -> bytes:
        """Return one of the frames that a presentation state shows, as it shows it: RGB, in a square.

        Args:
            place: of the presentation state.
            number: of the frame among those that it shows, from 1.
            stamp: of these (:attr:`~desktop.pictures.presented.PresentedFrames.stamp`).

        Raises:
            NoFrame, NoPixels: it cannot be drawn.
            FileGone, NegatoscopeError, OSError: as :meth:`thumbnail`.
        """
        return self._run(present, *self._presented(self._find(place), number, stamp), keys())

    def _presented(self, state: Stored, number: int, stamp: str | None = None) -> tuple[Stored, Stored, Reference, int]:
        study_uid = state.instance.StudyInstanceUID
        shown = find_presented(self._store.reader(), study_uid, state.load())
        if stamp not in (None, shown.stamp):
            raise NoFrame("The study has changed since it was opened. Open it again.")
        if not 1 <= number <= len(shown.frames):
            raise NoFrame(f"There is no frame {number}.")
        frame = shown.frames[number - 1]
        image = self._find((study_uid, frame.instance.SeriesInstanceUID, frame.instance.SOPInstanceUID))
        return state, image, frame.reference, shown.side

    def _find(self, place: Place) -> Stored:
        stored = find_stored(self._store.reader(), place)
        if stored is None:
            raise NoFrame("There is no such instance in this library.")
        return stored

    def _run(self, task: Callable[Given, Drawn], *given: Given.args, **named: Given.kwargs) -> Drawn:
        for _ in range(_ATTEMPTS):
            future: Future[Drawn] = self._pool.submit(task, *given, **named)
            try:
                return future.result(_PATIENCE_SECONDS)
            except (BrokenProcessPool, CancelledError):
                # It may have been another one's frame.
                continue
            except TooLate:
                log.error("a frame was not drawn in time")  # noqa: TRY400 - without its words
                self._pool.restart()
                raise _GivenUp(_TOO_SLOW) from None
        log.error("the program that decodes a frame has ended over it")
        raise _GivenUp(_NEVER)
