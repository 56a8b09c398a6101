/**
 * Mends what OHIF would take from an instance's metadata in a wrong way. Values are added or moved, never made up.
 */

const RT_DOSE = '1.2.840.10008.5.1.4.1.1.481.2';

/** Mends the instances of a display set, in place, before OHIF's handler sees them. */
export function mend(set, instances) {
  for (const instance of instances) {
    changeAsDecoded(instance, set.changes?.[instance.SOPInstanceUID] ?? {});
    spreadGroups(instance);
    // With no ID, OHIF would say "Multiple Patients".
    instance.PatientID ||= null;
    if (instance.SOPClassUID === RT_DOSE) {
      placeDoseFrames(instance);
    }
  }
}

/** Frames that the program decodes are not what the file's metadata say of them. */
function changeAsDecoded(instance, changes) {
  for (const [keyword, value] of Object.entries(changes)) {
    if (value === null) {
      delete instance[keyword];
    } else {
      instance[keyword] = value;
    }
  }
}

/** Functional groups (PS3.3 §C.7.6.16.2) that say where an image lies, how large its pixels are and what they mean. */
const GROUPS = [
  'PixelMeasuresSequence',
  'PlanePositionSequence',
  'PlaneOrientationSequence',
  'PixelValueTransformationSequence',
  'FrameVOILUTSequence',
];

/** OHIF asks functional groups of several frames alone: of one frame, it would show stored values, without sizes. */
export function spreadGroups(instance) {
  if (Number(instance.NumberOfFrames) > 1) {
    return;
  }
  const said = [instance.PerFrameFunctionalGroupsSequence, instance.SharedFunctionalGroupsSequence];
  for (const groups of said.map(first)) {
    for (const name of GROUPS) {
      for (const [keyword, value] of Object.entries(first(groups?.[name]) ?? {})) {
        instance[keyword] ??= value;
      }
    }
  }
}

function first(sequence) {
  return Array.isArray(sequence) ? sequence[0] : sequence;
}

/**
 * OHIF puts all frames of a dose grid at the place of the first one (#5743): where there are frames, it never gets to the
 * Grid Frame Offset Vector. So each frame is given its own place (PS3.3 §C.8.8.3.2).
 */
export function placeDoseFrames(instance) {
  const frames = Number(instance.NumberOfFrames);
  const position = instance.ImagePositionPatient?.map(Number);
  const orientation = instance.ImageOrientationPatient?.map(Number);
  const said = [instance.GridFrameOffsetVector ?? []].flat().map(Number);
  if (!(frames > 1) || position?.length !== 3 || orientation?.length !== 6 || said.length !== frames) {
    return;
  }
  // Offsets begin with 0, or with the place of the first frame along the axis, and are then places themselves.
  const offsets = said.map(offset => offset - said[0]);
  const [a, b, c, d, e, f] = orientation;
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
  const spacing = Math.abs(offsets[frames - 1] - offsets[0]) / (frames - 1);
  instance.PerFrameFunctionalGroupsSequence = offsets.map(offset => ({
    PlanePositionSequence: [{ ImagePositionPatient: position.map((value, axis) => value + offset * normal[axis]) }],
  }));
  instance.SharedFunctionalGroupsSequence = [
    {
      PixelMeasuresSequence: [
        { PixelSpacing: instance.PixelSpacing, SliceThickness: instance.SliceThickness || spacing, SpacingBetweenSlices: spacing },
      ],
      PlaneOrientationSequence: [{ ImageOrientationPatient: instance.ImageOrientationPatient }],
    },
  ];
  // The one of the whole would hide those of the frames.
  delete instance.ImagePositionPatient;
}
