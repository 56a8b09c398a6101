"""Images as they lie in cornerstone's cache: the numbers that a viewport draws and a measurement reads."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from viewer.browsing import Viewer

_LOAD = """async ([imageId, seconds]) => {
  const { cornerstone } = window;
  const patience = new Promise((_, reject) => setTimeout(() => reject(new Error('no image came')), seconds * 1000));
  let image;
  try {
    image = await Promise.race([cornerstone.imageLoader.loadAndCacheImage(imageId), patience]);
  } catch (error) {
    return { error: String(error?.message ?? error?.error?.message ?? error?.error?.message ?? error) };
  }
  const values = image.getPixelData();
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = '';
  for (let start = 0; start < bytes.length; start += 32768) {
    text += String.fromCharCode.apply(null, bytes.subarray(start, start + 32768));
  }
  const provider = name => cornerstone.metaData.get(name, imageId);
  const plane = provider('imagePlaneModule');
  return {
    kind: values.constructor.name.replace('Clamped', '').replace('Array', '').toLowerCase(),
    values: btoa(text),
    rows: image.rows,
    columns: image.columns,
    scaling: image.preScale?.scaled ? image.preScale.scalingParameters : null,
    spacing: [image.rowPixelSpacing, image.columnPixelSpacing],
    position: plane?.imagePositionPatient ? [...plane.imagePositionPatient] : null,
    orientation: plane?.imageOrientationPatient ? [...plane.imageOrientationPatient] : null,
    inverted: Boolean(image.invert),
    window: [image.windowCenter, image.windowWidth].map(one => (Array.isArray(one) ? one[0] : one)),
  };
}"""
_SECONDS = 90


@dataclass(frozen=True)
class Decoded:
    """An image in the cache.

    Attributes:
        values: (rows, columns) or (rows, columns, 3).
        scaling: what the values have been multiplied with, and what was added; None if they are those of the file.
        spacing: mm between rows and between columns.
        position, orientation: of the patient's plane; None if it has none.
        window: centre and width at first.
    """

    values: np.ndarray
    scaling: dict[str, float] | None
    spacing: tuple[float | None, ...]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    inverted: bool
    window: tuple[float | None, ...]


def image_id(uids: tuple[str, str, str], frame: int = 1) -> str:
    """Return what cornerstone calls an image."""
    study, series, instance = uids
    return f"wadors:/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frame}"


def load(viewer: Viewer, uids: tuple[str, str, str], frame: int = 1) -> Decoded | str:
    """Have the page, which shows the study, load an image; return it, or what cornerstone says against it."""
    got: dict[str, Any] = viewer.ask(_LOAD, [image_id(uids, frame), _SECONDS])
    if "error" in got:
        return str(got["error"])
    values = np.frombuffer(base64.b64decode(got["values"]), got["kind"])
    rows, columns = got["rows"], got["columns"]
    samples = values.size // max(rows * columns, 1)
    if not samples or rows * columns * samples != values.size:
        return f"{values.size} values for {rows} rows and {columns} columns"
    values = values.reshape((rows, columns, samples) if samples > 1 else (rows, columns))
    return Decoded(
        values[..., :3] if samples > 1 else values,
        got["scaling"],
        tuple(got["spacing"]),
        None if got["position"] is None else tuple(got["position"]),
        None if got["orientation"] is None else tuple(got["orientation"]),
        got["inverted"],
        tuple(got["window"]),
    )
