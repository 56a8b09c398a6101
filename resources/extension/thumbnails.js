/** The small pictures of the study browser, as the program draws them. */

import { ask } from './ohif.js';

const NONE = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==';

/** How many are asked for at once: images of the viewports must not wait behind them. */
const AT_ONCE = 2;

/** Address → Promise of an address that the browser has. */
const known = new Map();
const lanes = Array(AT_ONCE).fill(Promise.resolve());
let turn = 0;

/** Has a display set ask the program for its picture; OHIF would load and draw the whole image. */
export function giveThumbnail(made, address) {
  if (made.thumbnailSrc === null) {
    made.thumbnailSrc = undefined;
  }
  made.getThumbnailSrc = async () => {
    made.thumbnailSrc = await load(address);
    return made.thumbnailSrc;
  };
}

function load(address) {
  if (!known.has(address)) {
    const lane = turn++ % AT_ONCE;
    const picture = lanes[lane].then(() => get(address));
    lanes[lane] = picture;
    known.set(address, picture);
  }
  return known.get(address);
}

async function get(address) {
  try {
    return URL.createObjectURL(await (await ask(address)).blob());
  } catch {
    // What cannot be drawn has none. The viewport says why.
    return NONE;
  }
}
