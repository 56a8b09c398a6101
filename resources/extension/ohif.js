/**
 * What the extension uses of OHIF's insides. OHIF is built into one bundle, whose modules have numbers; they are those of
 * the one build that is shipped (packaging/fetch_ohif.py checks its hash), and what is found is looked at.
 */

const REACT = 86326;

let required;

function requireModule(number) {
  if (!required) {
    (globalThis.rspackChunk ??= []).push([['negatoscope'], {}, own => (required = own)]);
  }
  return required(number);
}

/** OHIF's own React: a second one could not draw into its tree. */
export function react() {
  const found = requireModule(REACT);
  if (typeof found?.createElement !== 'function' || typeof found.useEffect !== 'function') {
    throw new Error('This is not the OHIF that the extension was made for.');
  }
  return found;
}

/** The path below which the program lies, for a proxy: /negatoscope; empty for the root. */
export const BASE = new URL('..', import.meta.url).pathname.slice(0, -1);

/** The mode that the address names: /viewer/dicomjson?… */
export function modeOfAddress() {
  return location.pathname.slice(BASE.length).split('/').filter(Boolean)[0] ?? 'viewer';
}

/** Below this, the program has what belongs to one instance. */
export function placeOf({ StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID }) {
  return `studies/${StudyInstanceUID}/series/${SeriesInstanceUID}/instances/${SOPInstanceUID}`;
}

/** What the program answers, or its own words as an error. Its paths begin where it lies. */
export async function ask(path) {
  const answer = await fetch(BASE + path, { credentials: 'same-origin' });
  if (!answer.ok) {
    throw new Error((await answer.text()) || `The program answers ${answer.status}.`);
  }
  return answer;
}
