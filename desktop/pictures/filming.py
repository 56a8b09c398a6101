"""Makes films that the web engine plays, of those in which DICOM holds them. Runs in a process of its own.

H.264, HEVC and MPEG-2 do not play there, since their patents keep them out of Qt's web engine. OpenCV's FFmpeg (LGPL)
reads them and writes VP8 in WebM. It has VP9 too, but takes no options for it, and so writes a frame of 1280 x 720 in
more than a second; VP8 comes as near to the pixels and takes a quarter of the time.
"""

import contextlib
import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from ..dicom.records import MAX_FRAMES
from ..workers import prepare_worker

FRAME_RATE = 25.0
"""Frames a second, where neither the object nor the film says it."""

_TELL_EACH = 5


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What is to be made.

    Attributes:
        stream: the film as it stands in the object.
        target: where the new one is put, once it is whole.
        frames: that the object says it has.
        frame_rate: frames a second that the object says; 0 if it does not.
    """

    stream: Path
    target: Path
    frames: int
    frame_rate: float


def film(order: FilmOrder, told: Connection) -> None:
    """Make a film. The main function of a process.

    Tells how many frames are made, and in the end ``done``, or ``failed``.
    """
    prepare_worker()
    # Whoever waited may have gone.
    with contextlib.suppress(OSError):
        try:
            made = _film(order, told)
        except Exception:  # noqa: BLE001 - the edge of this process; its words may name the file
            made = 0
        told.send("done" if made else "failed")


def _film(order: FilmOrder, told: Connection) -> int:
    silence_opencv()
    import cv2

    reader = cv2.VideoCapture(str(order.stream), cv2.CAP_FFMPEG)
    size = int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT))
    said = reader.get(cv2.CAP_PROP_FPS)
    rate = order.frame_rate or (said if 0 < said < _HIGHEST_RATE else FRAME_RATE)
    part = order.target.with_suffix(".part.webm")
    writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), rate, size)
    made = 0
    try:
        while writer.isOpened() and made < MAX_FRAMES:
            there, frame = reader.read()
            if not there:
                break
            writer.write(frame)
            made += 1
            if made % _TELL_EACH == 1:
                told.send(made)
    finally:
        writer.release()
        reader.release()
    if made:
        told.send(made)
        part.replace(order.target)
    else:
        part.unlink(missing_ok=True)
    return made


_HIGHEST_RATE = 240


def silence_opencv() -> None:
    """Keep OpenCV and its FFmpeg quiet: of what they cannot read, they write to the user's terminal."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    os.environ["OPENCV_LOG_LEVEL"] = "OFF"
