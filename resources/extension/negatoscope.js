/**
 * Negatoscope's extension of OHIF. OHIF loads it at run time (window.config.extensions); nothing is built.
 *
 * It tells the program what happens in the page, as an event on the document whose detail is a JSON text:
 *   ready   OHIF has started and can open studies; value: the graphics renderer
 *   drawn   an image is on the screen; value: the UID of its study
 *   failed  something could not be done; value: why
 * and gives the program one command: window.negatoscope.open(path).
 */

const RENDERED = 'CORNERSTONE_IMAGE_RENDERED';

function tell(fact, value) {
  document.dispatchEvent(new CustomEvent('negatoscope', { detail: JSON.stringify({ fact, value }) }));
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

/**
 * Cornerstone fires this at the viewport's element once a frame is drawn; it does not bubble, but can be captured.
 * The status in the event is the one before drawing: a viewport that still waits for its image draws nothing.
 */
function onRendered({ detail: { element, viewportStatus } }) {
  if (viewportStatus === 'noData' || viewportStatus === 'loading') {
    return;
  }
  const viewport = window.cornerstone?.getEnabledElement(element)?.viewport;
  const imageId = viewport?.getCurrentImageId?.();
  const isStack = typeof viewport?.getCornerstoneImage === 'function';
  if (!imageId || (isStack && viewport.getCornerstoneImage()?.imageId !== imageId)) {
    return;
  }
  tell('drawn', studyOf(imageId));
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
  history.pushState({ key: crypto.randomUUID() }, '', path);
  dispatchEvent(new PopStateEvent('popstate', { state: history.state }));
}

export default {
  id: '@negatoscope/desktop',
  preRegistration() {
    document.addEventListener(RENDERED, onRendered, true);
    window.addEventListener('unhandledrejection', event => tell('failed', String(event.reason?.message ?? event.reason)));
    window.negatoscope = Object.freeze({ open });
    announceReady();
  },
};
