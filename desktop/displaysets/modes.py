"""The modes of the viewer. Each lists handlers in order, and the order decides what becomes of a series.

After the modes that OHIF 3.13.2 ships. Behind their own handlers stand ours, for all that OHIF has none for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import UsageError
from .handlers import derived, film, microscopy, objects, reports, stack, waveforms
from .model import SopClassHandler


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode.

    Attributes:
        name: OHIF's name of the route: ``/viewer``.
        title: as OHIF's list of modes has it.
        handlers: in the order in which they are asked.
    """

    name: str
    title: str
    handlers: tuple[SopClassHandler, ...]

    @property
    def handler_ids(self) -> tuple[str, ...]:
        """The ids of the handlers, in order."""
        return tuple(handler.id for handler in self.handlers)


_OBJECTS: tuple[SopClassHandler, ...] = (
    objects.PORTABLE_DOCUMENT,
    stack.CHARTS,
    objects.PRESENTATION_STATE,
    objects.SURFACE,
    waveforms.WAVEFORM,
    reports.KEY_OBJECTS,
    reports.TEXT,
    stack.OTHER_IMAGES,
    objects.PAGE,
)
"""What stands behind the handlers of each mode: nothing goes past the last one."""

_VIEWER: tuple[SopClassHandler, ...] = (
    film.FILM,
    waveforms.ELECTROCARDIOGRAM,
    derived.SEGMENTS,
    derived.MAP,
    stack.IMAGES,
    microscopy.SLIDES,
    reports.MEASUREMENTS_3D,
    reports.MEASUREMENTS,
    derived.STRUCTURES,
)


def _mode(name: str, title: str, *handlers: SopClassHandler) -> Mode:
    return Mode(name, title, tuple(dict.fromkeys((*handlers, *_OBJECTS))))


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        _mode("viewer", "Basic Viewer", *_VIEWER),
        _mode("basic", "Basic Viewer without tracking", *_VIEWER),
        _mode("segmentation", "Segmentation", film.FILM, stack.IMAGES, derived.SEGMENTS, derived.STRUCTURES),
        _mode("tmtv", "Total Metabolic Tumor Volume", film.FILM, stack.IMAGES),
        _mode(
            "microscopy",
            "Microscopy",
            *(microscopy.SLIDES, microscopy.SLIDE_REPORT, microscopy.SLIDE_ANNOTATION, film.FILM, stack.IMAGES),
        ),
        _mode("dynamic-volume", "Preclinical 4D", stack.CHARTS, film.FILM, stack.WHOLE_SERIES),
        _mode(
            "usAnnotation",
            "US Pleura B-line Annotations",
            *(handler for handler in _VIEWER if handler is not waveforms.ELECTROCARDIOGRAM),
        ),
    )
}
"""By name."""

DEFAULT_MODE = MODES["viewer"]


def find_mode(name: str) -> Mode:
    """Return a mode by name.

    Raises:
        UsageError: there is no such mode.
    """
    try:
        return MODES[name]
    except KeyError:
        raise UsageError(f"There is no mode {name!r}. There are: {', '.join(MODES)}.") from None


def with_handlers(mode: Mode, more: Iterable[SopClassHandler]) -> Mode:
    """Return a mode in which other handlers are asked first."""
    return Mode(mode.name, mode.title, (*more, *mode.handlers))
