/**
 * Mends what OHIF would take from an instance's metadata in a wrong way. Values are added, moved or left out, never made
 * up; a factor may be off by less than any value shows.
 */

import { BASE, placeOf } from './ohif.js';

const RT_DOSE = '1.2.840.10008.5.1.4.1.1.481.2';

const SEGMENTATIONS = ['1.2.840.10008.5.1.4.1.1.66.4', '1.2.840.10008.5.1.4.1.1.66.7'];
const SCALES = ['RescaleSlope', 'RescaleIntercept', 'RescaleType', 'ModalityLUTSequence'];

/** Mends the instances of a display set, in place, before OHIF's handler sees them. */
export function mend(set, instances) {
  for (const instance of instances) {
    changeAsDecoded(instance, set.changes?.[instance.SOPInstanceUID] ?? {});
    spreadGroups(instance);
    nameWindowFunctions(instance);
    keepFractions(instance);
    if (instance.SamplesPerPixel > 1) {
      // Of colours, OHIF would scale each (PS3.3 §C.11.1).
      SCALES.forEach(keyword => delete instance[keyword]);
    }
    if (SEGMENTATIONS.includes(instance.SOPClassUID) && set.SOPClassHandlerId.endsWith('.stack')) {
      addressImages(instance);
    }
    // With no ID, OHIF would say "Multiple Patients".
    instance.PatientID ||= null;
    if (instance.SOPClassUID === RT_DOSE) {
      placeDoseFrames(instance);
    }
  }
}

/** Frames that the program decodes are not what the file's metadata say of them. */
export function changeAsDecoded(instance, changes) {
  for (const [keyword, value] of Object.entries(changes)) {
    if (value === null) {
      delete instance[keyword];
    } else {
      instance[keyword] = value;
    }
  }
}

/** Segments that are shown as images have other frames than those that lie over images, so they have other addresses. */
function addressImages(instance) {
  instance.ownImageIds = Array.from(
    { length: Math.max(1, Number(instance.NumberOfFrames) || 1) },
    (_, number) => `wadors:${BASE}/images/${placeOf(instance)}/frames/${number + 1}`
  );
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
function spreadGroups(instance) {
  if (Number(instance.NumberOfFrames) > 1) {
    return;
  }
  const said = [instance.PerFrameFunctionalGroupsSequence, instance.SharedFunctionalGroupsSequence];
  for (const groups of said.map(first)) {
    for (const name of GROUPS) {
      for (const [keyword, value] of Object.entries(first(groups?.[name]) ?? {})) {
        if (!isWhole(keyword, instance[keyword])) {
          instance[keyword] = value;
        }
      }
    }
  }
}

/**
 * Cornerstone takes integers for what is scaled to integers at both ends: between them it drops fractions, and before
 * scaling it wraps what has no room in so few bits. A factor that is off in the 12th digit makes no end an integer, and
 * in the 7 digits of the scaled values nothing is seen of it.
 */
const NEARLY = 1 + 1e-12;

function keepFractions(instance) {
  const isOfFloats = instance.PixelRepresentation === undefined && instance.BitsAllocated >= 32;
  const isDose = instance.SOPClassUID === RT_DOSE;
  if ((isOfFloats || isDose) && !(instance.NumberOfFrames > 1)) {
    // Of a dose of one frame, OHIF does not read the scaling.
    instance.RescaleSlope ??= (isDose && instance.DoseGridScaling) || 1;
    instance.RescaleIntercept ??= 0;
  }
  for (const said of saidOf(instance, 'PixelValueTransformationSequence')) {
    for (const keyword of ['RescaleSlope', 'DoseGridScaling']) {
      const factor = Number(said[keyword]);
      if (factor && (isOfFloats || factor % 1)) {
        said[keyword] = factor * NEARLY;
      }
    }
  }
}

const WINDOW_FUNCTIONS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'];

/**
 * The usual window function (PS3.3 §C.11.2.1.2.1) is made for integers: of fractions, it leaves black and white only.
 * Cornerstone takes the first letter for the function, and loses the window, where it is not in a list.
 */
function nameWindowFunctions(instance) {
  const slopes = saidOf(instance, 'PixelValueTransformationSequence').map(said => Number(said.RescaleSlope ?? 1));
  const isOfFractions = instance.PixelRepresentation === undefined || slopes.some(slope => slope % 1);
  for (const said of saidOf(instance, 'FrameVOILUTSequence')) {
    if (!(Number(first(said.WindowWidth)) > 0)) {
      delete said.VOILUTFunction;
    } else {
      const known = WINDOW_FUNCTIONS.find(name => name === first(said.VOILUTFunction)) ?? 'LINEAR';
      const isNarrow = isOfFractions && Number(first(said.WindowWidth)) <= 1;
      said.VOILUTFunction = [isNarrow && known === 'LINEAR' ? 'LINEAR_EXACT' : known];
    }
  }
}

/** Where something may be said of an image or of its frames: by itself, and in functional groups of one kind. */
function saidOf(instance, name) {
  const { SharedFunctionalGroupsSequence: shared, PerFrameFunctionalGroupsSequence: frames } = instance;
  const groups = [first(shared), ...(Array.isArray(frames) ? frames : [])];
  return [instance, ...groups.map(group => first(group?.[name])).filter(Boolean)];
}

/** How many numbers some values have: with others, they say nothing. */
const LENGTHS = { ImagePositionPatient: 3, ImageOrientationPatient: 6 };

function isWhole(keyword, value) {
  const numbers = LENGTHS[keyword];
  const isThere = value !== undefined && value !== null;
  return isThere && (!numbers || (value.length === numbers && [...value].every(one => Number.isFinite(Number(one)))));
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
