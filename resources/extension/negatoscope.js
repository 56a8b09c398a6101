/**
 * Negatoscope's extension of OHIF. OHIF loads it at run time (window.config.extensions); nothing is built.
 *
 * It tells the program what happens in the page, as an event on the document whose detail is a JSON text:
 *   ready   OHIF has started and can open studies; value: the graphics renderer
 *   drawn   an image, or a page of an object, is on the screen; value: the UID of its study
 *   missing an image could not be loaded; value: the UID of its study, count: how many of it by now
 *   failed  something could not be done; value: why
 * and gives the program one command: window.negatoscope.open(path).
 */

import { EXTENSION, makeHandlers, watchSource } from './displaysets.js';
import { bringBackMeasurements, watchMeasurements } from './measurements.js';
import { BASE } from './ohif.js';
import { addViewports, makeOwnSets, makeViewports, SHOWN } from './own.js';
import { watchQuestions } from './questions.js';
import { takeOverSaving } from './saving.js';
import { completeJson, findPriors } from './sources.js';

const RENDERED = 'CORNERSTONE_IMAGE_RENDERED';
const NEW_IMAGE = 'CORNERSTONE_STACK_NEW_IMAGE';
const WANTED_IMAGE = 'CORNERSTONE_PRE_STACK_NEW_IMAGE';
const LOADED = 'CORNERSTONE_IMAGE_LOADED';
const LOAD_FAILED = 'CORNERSTONE_IMAGE_LOAD_FAILED';

/** Images that could not be loaded: address → why. */
const missing = new Map();

function tell(fact, value, more) {
  document.dispatchEvent(new CustomEvent('negatoscope', { detail: JSON.stringify({ fact, value, ...more }) }));
}

/** The name of what draws WebGL; empty if nothing does. */
function findRenderer() {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) {
    return '';
  }
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return name;
}

/** The study of an image, by its address: wadors:/dicom-web/studies/UID/series/… */
function studyOf(imageId) {
  return imageId?.split('/studies/')[1]?.split('/')[0];
}

/** What went wrong, in the server's words if it has any. */
function reasonOf(error) {
  const request = error instanceof XMLHttpRequest ? error : error?.request ?? error?.error?.request;
  const answer = request?.response;
  const text = answer instanceof ArrayBuffer ? new TextDecoder().decode(answer.slice(0, 500)) : answer;
  return typeof text === 'string' && text ? text : String(error?.message ?? error?.error?.message ?? 'It cannot be read.');
}

const INTERRUPTED = 'The graphics of this computer were interrupted. Click here to load the study again.';

/** Whether the graphics that draw a viewport are gone: after sleep, a reset of the card, or where many pages draw. */
function isInterrupted(viewport) {
  const pool = viewport.getRenderingEngine?.()?.contextPool;
  const index = pool?.getContextIndexForViewport?.(viewport.id);
  const drawing = pool?.getContextByIndex?.(index)?.context?.getOpenGLRenderWindow?.();
  return Boolean(drawing?.get3DContext?.()?.isContextLost());
}

/** Why an image is not shown; undefined if it is, or may still come. */
function reasonAgainst(viewport) {
  if (isInterrupted(viewport)) {
    return INTERRUPTED;
  }
  if (typeof viewport.getCornerstoneImage !== 'function') {
    return undefined;
  }
  const wanted = viewport.getCurrentImageId?.();
  const image = viewport.getCornerstoneImage();
  const isRight = image?.imageId === wanted && !isEmpty(image);
  return isRight ? undefined : missing.get(wanted);
}

/**
 * Where an image cannot be loaded, cornerstone leaves the one before on the screen, under the new one's number. Nobody
 * must read that: a viewport that shows another image than it should, and cannot get the right one, is covered.
 */
function coverIfWrong(viewport) {
  if (!viewport) {
    return;
  }
  const reason = reasonAgainst(viewport);
  let cover = viewport.element.querySelector(':scope > .negatoscope-missing');
  if (reason === undefined) {
    cover?.remove();
    return;
  }
  if (!cover) {
    cover = document.createElement('div');
    cover.className = 'negatoscope-missing';
    cover.style.cssText =
      'position:absolute;inset:0;z-index:50;background:#000;color:#fff;display:flex;pointer-events:none;' +
      'align-items:center;justify-content:center;text-align:center;padding:2em;font-size:16px;white-space:pre-line';
    viewport.element.append(cover);
  }
  cover.textContent = `This image cannot be shown.\n${reason}`;
  if (reason === INTERRUPTED) {
    cover.style.pointerEvents = 'auto';
    cover.onclick = () => location.reload();
  }
}

function coverAll() {
  window.cornerstone?.getEnabledElements?.().forEach(({ viewport }) => coverIfWrong(viewport));
}

function note(imageId, reason) {
  if (!missing.has(imageId)) {
    missing.set(imageId, reason);
    const study = studyOf(imageId);
    const count = [...missing.keys()].filter(id => studyOf(id) === study).length;
    tell('missing', study, { count });
  }
  coverAll();
}

function onLoadFailed({ detail: { imageId, error } }) {
  note(imageId, reasonOf(error));
}

/** Of pixels that they cannot decode, some of cornerstone's decoders make an image of nothing, and no error. */
function isEmpty(image) {
  return !(image?.rows > 0 && image.columns > 0);
}

function onLoaded({ detail: { image } }) {
  if (isEmpty(image)) {
    note(image?.imageId, 'Its pixels cannot be decoded.');
  } else {
    missing.delete(image.imageId);
  }
}

/**
 * Cornerstone fires this at the viewport's element once a frame is drawn; it does not bubble, but can be captured.
 * The status in the event is the one before drawing: a viewport that still waits for its image draws nothing.
 */
function onRendered({ detail: { element, viewportStatus } }) {
  const viewport = window.cornerstone?.getEnabledElement(element)?.viewport;
  coverIfWrong(viewport);
  bringIntoView(viewport);
  drawAgainAtRest(viewport);
  if (viewportStatus === 'noData' || viewportStatus === 'loading') {
    return;
  }
  const imageId = viewport?.getCurrentImageId?.();
  const isStack = typeof viewport?.getCornerstoneImage === 'function';
  if (!imageId || (isStack && viewport.getCornerstoneImage()?.imageId !== imageId)) {
    return;
  }
  tell('drawn', studyOf(imageId));
  bringBackMeasurements(studyOf(imageId));
}

/** No canvas so small, in pixels, is looked at; no image so small, as a share of the view, is seen. */
const SMALLEST_CANVAS = 16;
const SMALLEST_IMAGE = 0.12;

/** Where an image is hung while OHIF still lays out its panels, it is at times a dot, or far outside the view. */
function bringIntoView(viewport) {
  const bounds = viewport?.getActors?.()[0]?.actor?.getBounds?.();
  const { clientWidth: width, clientHeight: height } = viewport?.element ?? {};
  if (!bounds || !(Math.min(width, height) >= SMALLEST_CANVAS)) {
    return;
  }
  const { focalPoint, parallelScale, viewPlaneNormal, parallelProjection } = viewport.getCamera();
  if (!parallelProjection) {
    return;
  }
  const axes = [0, 1, 2];
  const sides = axes.map(axis => bounds[2 * axis + 1] - bounds[2 * axis]);
  const away = axes.map(axis => (bounds[2 * axis + 1] + bounds[2 * axis]) / 2 - focalPoint[axis]);
  const depth = axes.reduce((sum, axis) => sum + away[axis] * viewPlaneNormal[axis], 0);
  const distance = Math.sqrt(Math.max(0, Math.hypot(...away) ** 2 - depth ** 2));
  const radius = Math.hypot(...sides) / 2;
  const view = parallelScale * Math.hypot(1, width / height);
  if (distance > radius + view || radius < SMALLEST_IMAGE * view) {
    viewport.resetCamera();
    viewport.render();
  }
}

/** How long a viewport has been at rest, in ms, when what lies over its volume is drawn once more. */
const REST_MS = 300;

/** Element → timer, and those that are being drawn once more. */
const resting = new WeakMap();
const drawnAgain = new WeakSet();

/** A map over a volume is drawn at times before the graphics have its values, and OHIF does not draw it again. */
function drawAgainAtRest(viewport) {
  if (!(viewport?.getActors?.().length > 1)) {
    return;
  }
  const { element } = viewport;
  if (drawnAgain.delete(element)) {
    return;
  }
  clearTimeout(resting.get(element));
  resting.set(
    element,
    setTimeout(() => {
      if (window.cornerstone.getEnabledElement(element)) {
        drawnAgain.add(element);
        viewport.render();
      }
    }, REST_MS)
  );
}

/** Cornerstone's own events come from a target of its own, which is there as soon as OHIF has loaded it. */
function listenToCornerstone() {
  const { eventTarget } = window.cornerstone;
  eventTarget.addEventListener(LOAD_FAILED, onLoadFailed);
  eventTarget.addEventListener(LOADED, onLoaded);
}

/** OHIF is ready once its router has drawn a page: from then on it follows the address. */
function announceReady() {
  const root = document.getElementById('root');
  const isDrawn = () => root.children.length > 0;
  if (isDrawn()) {
    tell('ready', findRenderer());
    return;
  }
  // Not a timer: those are slowed down in a window that is not in front.
  new MutationObserver((_, observer) => {
    if (isDrawn()) {
      observer.disconnect();
      tell('ready', findRenderer());
    }
  }).observe(root, { childList: true });
}

/** Goes to another page of OHIF without loading it anew. */
function open(path) {
  history.pushState({ key: crypto.randomUUID() }, '', BASE + path);
  dispatchEvent(new PopStateEvent('popstate', { state: history.state }));
}

/** Makes OHIF show what the program has planned, by all its data sources and in all its modes. */
function takeOver(manager) {
  const [[web], [json]] = ['dicomweb', 'dicomjson'].map(name => manager.extensionManager.getDataSources(name));
  completeJson(json, web);
  for (const source of [web, json]) {
    findPriors(source);
    watchSource(source);
  }
  addViewports(manager);
}

export default {
  id: EXTENSION,
  getSopClassHandlerModule(manager) {
    return makeHandlers(manager, makeOwnSets(manager));
  },
  getViewportModule: makeViewports,
  preRegistration(manager) {
    // OHIF calls one of every image that cannot be loaded, whether there is one or not.
    manager.appConfig.httpErrorHandler ??= () => {};
    takeOver(manager);
    takeOverSaving(manager);
    watchMeasurements(manager);
    watchQuestions(manager);
    document.addEventListener(RENDERED, onRendered, true);
    document.addEventListener(NEW_IMAGE, coverAll, true);
    document.addEventListener(WANTED_IMAGE, () => queueMicrotask(coverAll), true);
    window.addEventListener('unhandledrejection', ({ reason }) => tell('failed', reasonOf(reason)));
    window.negatoscope = Object.freeze({ open });
    document.addEventListener(SHOWN, ({ detail }) => tell('drawn', detail));
    listenToCornerstone();
    announceReady();
  },
};
