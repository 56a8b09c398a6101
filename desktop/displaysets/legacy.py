"""Handlers as OHIF 1 and 2 had them: one set of a series, with a ``plugin`` key that names what shows it.

Such a handler declares ``sopClassUids`` or ``sopClassUIDs`` and ``getDisplaySetFromSeries(series, study, …)``. Wrapped
in a :class:`LegacyHandler` it stands in a mode as any other, and its sets have both shapes: all keys that the handler
gave, and those of today. After ``StudyMetadata.js`` of OHIF 2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ..dicom.items import Item
from ..dicom.records import Instance
from ..dicom.uids import is_uid
from .model import OWN_EXTENSION, DisplaySet, View, context_of, handler_id, make_display_set
from .rules import sort_by_number

_VIEWS = {"html": View.DOCUMENT, "pdf": View.DOCUMENT}
"""What shows a set in the viewer, by its plugin; a document for those that nobody knows."""


class InstanceMetadata:
    """An instance as handlers of OHIF 2 see it."""

    def __init__(self, instance: Instance, root: str) -> None:
        self._instance = instance
        self._root = root
        self._metadata: Item | None = None

    def getSOPInstanceUID(self) -> str:  # noqa: N802 - OHIF's own names, here and below
        """Return its SOP Instance UID."""
        return self._instance.SOPInstanceUID

    def getData(self) -> dict[str, Any]:  # noqa: N802
        """Return its record by attribute, with the addresses from which it can be had."""
        names = [field.name for field in fields(self._instance) if field.name[0].isupper()]
        uids = f"series/{self._instance.SeriesInstanceUID}/instances/{self._instance.SOPInstanceUID}"
        wado = f"{self._root}/studies/{self._instance.StudyInstanceUID}/{uids}"
        return {name: getattr(self._instance, name) for name in names} | {"wadouri": wado, "wadoRoot": self._root}

    def getTagValue(self, tagOrProperty: str, defaultValue: Any = None) -> Any:  # noqa: N802, N803
        """Return the first value of an attribute, given by keyword or by tag (``00080060`` or ``x00080060``)."""
        if self._metadata is None:
            self._metadata = Item(dict(context_of(self._instance).find_metadata(self._instance.SOPInstanceUID)))
        asked = tagOrProperty.removeprefix("x").upper() if _is_tag(tagOrProperty) else tagOrProperty
        values = self._metadata.values(asked)
        return values[0] if values else getattr(self._instance, tagOrProperty, None) or defaultValue


def _is_tag(text: str) -> bool:
    digits = text.removeprefix("x")
    return len(digits) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in digits)


class SeriesMetadata:
    """A series as handlers of OHIF 2 see it."""

    def __init__(self, instances: Sequence[Instance], root: str) -> None:
        self._series = context_of(instances[0]).series
        self._instances = [InstanceMetadata(instance, root) for instance in instances]

    def getSeriesInstanceUID(self) -> str:  # noqa: N802
        """Return its Series Instance UID."""
        return self._series.SeriesInstanceUID

    def getData(self) -> dict[str, Any]:  # noqa: N802
        """Return its record by attribute."""
        return {field.name: getattr(self._series, field.name) for field in fields(self._series)}

    def getFirstInstance(self) -> InstanceMetadata:  # noqa: N802
        """Return the first instance."""
        return self._instances[0]

    def getInstanceCount(self) -> int:  # noqa: N802
        """Return the number of instances."""
        return len(self._instances)

    def getInstanceByIndex(self, index: int) -> InstanceMetadata | None:  # noqa: N802
        """Return an instance, counted from 0; None if there is no such one."""
        return self._instances[index] if 0 <= index < len(self._instances) else None

    def forEachInstance(self, callback: Callable[[InstanceMetadata, int], Any]) -> None:  # noqa: N802
        """Call something with each instance and its index."""
        for index, instance in enumerate(self._instances):
            callback(instance, index)


class StudyMetadata:
    """A study as handlers of OHIF 2 see it."""

    def __init__(self, instance: Instance, root: str) -> None:
        self._study = context_of(instance).study
        self._root = root

    def getStudyInstanceUID(self) -> str:  # noqa: N802
        """Return its Study Instance UID."""
        return self._study.StudyInstanceUID

    def getData(self) -> dict[str, Any]:  # noqa: N802
        """Return its record by attribute, with the root of its WADO addresses."""
        record = {field.name: getattr(self._study, field.name) for field in fields(self._study)}
        return record | {"wadoRoot": self._root}


@dataclass(frozen=True, slots=True)
class LegacyHandler:
    """Makes a handler of OHIF 1 or 2 one of today.

    Attributes:
        handler: with ``sopClassUids`` or ``sopClassUIDs`` and ``getDisplaySetFromSeries``, as attributes or as keys.
        id: of the wrapped handler.
        wado_root: what its sets say of where they can be had.
    """

    handler: Any
    id: str
    wado_root: str = "/dicom-web"

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rpartition(".")[2]

    @property
    def sop_class_uids(self) -> frozenset[str]:
        """What it is asked for."""
        uids = _get(self.handler, "sopClassUIDs") or _get(self.handler, "sopClassUids") or ()
        return frozenset(map(str, uids))

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        """Return the one set that the handler makes of the series; none if it makes none.

        It belongs to the instance that it names, or else to all.
        """
        ordered = sort_by_number(instances)
        series, study = SeriesMetadata(ordered, self.wado_root), StudyMetadata(ordered[0], self.wado_root)
        made = _get(self.handler, "getDisplaySetFromSeries")(series, study, None, {})
        if not made:
            return []
        told = dict(made)
        of = [instance for instance in ordered if instance.SOPInstanceUID == told.get("SOPInstanceUID")] or ordered
        base = make_display_set(self.id, of)
        plugin = str(told.pop("plugin", ""))
        uid = told.pop("displaySetInstanceUID", "")
        kept = {name: value for name, value in told.items() if name not in _OURS and _is_plain(value)}
        return [
            replace(
                base,
                # A random one would make another set of the same files at each start.
                displaySetInstanceUID=uid if isinstance(uid, str) and is_uid(uid) else base.displaySetInstanceUID,
                plugin=plugin,
                view=_VIEWS.get(plugin, View.DOCUMENT),
                more=_defaults(of[0], self.wado_root) | kept,
                **{name: told[name] for name in ("SeriesDescription", "Modality") if isinstance(told.get(name), str)},
            )
        ]


_OURS = frozenset(field.name for field in fields(DisplaySet))


def _defaults(instance: Instance, root: str) -> dict[str, Any]:
    wado = InstanceMetadata(instance, root).getData()["wadouri"]
    return {"SOPInstanceUID": instance.SOPInstanceUID, "wadoRoot": root, "wadoUri": wado}


def _is_plain(value: object) -> bool:
    """Whether it can be told as JSON."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _get(handler: Any, name: str) -> Any:
    return handler.get(name) if isinstance(handler, Mapping) else getattr(handler, name, None)


def is_legacy(handler: Any) -> bool:
    """Whether something is a handler of OHIF 1 or 2."""
    return callable(_get(handler, "getDisplaySetFromSeries"))


def adapt(handler: Any, name: str = "") -> LegacyHandler:
    """Make a handler of OHIF 1 or 2 one of today.

    Args:
        handler: an object or a mapping.
        name: of it, if it has none in ``id`` or ``name`` itself.
    """
    own = _get(handler, "id") or _get(handler, "name") or name or type(handler).__name__
    text = str(own)
    return LegacyHandler(handler, text if ".sopClassHandlerModule." in text else handler_id(OWN_EXTENSION, text))
