/** Display sets that OHIF has no handler for, and the viewports in which they are shown. */

import { EXTENSION } from './displaysets.js';
import { changeAsDecoded } from './mending.js';
import { ask, BASE, placeOf, react } from './ohif.js';
import { showSurface } from './surface.js';

const CORNERSTONE = '@ohif/extension-cornerstone.viewportModule.cornerstone';
const VIDEO = '@ohif/extension-dicom-video.sopClassHandlerModule.dicom-video';
const H264 = '1.2.840.10008.1.2.4.102';
const STACK = '@ohif/extension-default.sopClassHandlerModule.stack';

const PDF = '@ohif/extension-dicom-pdf.viewportModule.dicom-pdf';
const REPORT = '@ohif/extension-cornerstone-dicom-sr.viewportModule.dicom-sr';
const MICROSCOPY = '@ohif/extension-dicom-microscopy.viewportModule.microscopy-dicom';

/** What OHIF's viewports for other things than images need to draw themselves; they do not say when they have. */
const SETTLE_MS = 800;

/** How often, and how many times, a viewport is looked at until it has the images that it is to show. */
const TURN_MS = 50;
const TURNS = 200;

/** Ids of the program's own handlers: a viewport of ours shows their sets. */
const OWN_IDS = { includes: id => id.startsWith(`${EXTENSION}.`) || !id.startsWith('@ohif/') };

export function makeOwnSets({ extensionManager }) {
  const stock = id => members => extensionManager.getModuleEntry(id).getDisplaySetsFromSeries(members);

  return function makeOwn(set, members) {
    switch (set.view) {
      case 'video':
        return members.flatMap(instance => makeFilm(instance, set, stock(VIDEO)));
      case 'presented':
        return members.map(instance => makePresented(instance, set, stock(STACK)));
      default:
        return members.map(instance => makePlain(instance, set));
    }
  };
}

function makePlain(instance, set) {
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, SOPClassUID } = instance;
  return {
    displaySetInstanceUID: set.displaySetInstanceUID,
    SOPClassHandlerId: set.SOPClassHandlerId === 'unsupported' ? `${EXTENSION}.unsupported` : set.SOPClassHandlerId,
    StudyInstanceUID,
    SeriesInstanceUID,
    SOPInstanceUID,
    SOPClassUID,
    Modality: set.Modality,
    SeriesNumber: set.SeriesNumber,
    SeriesDescription: set.label,
    instances: [instance],
    instance,
    isReconstructable: false,
    numImageFrames: 0,
    numInstances: 1,
    thumbnailSrc: null,
    view: set.view,
  };
}

/** OHIF takes a film for one by its transfer syntax, of which it does not know all. */
function makeFilm(instance, set, stock) {
  const made = stock([Object.assign(Object.create(instance), { AvailableTransferSyntaxUID: H264, url: undefined })]);
  return made.map(one =>
    Object.assign(one, { instances: [instance], instance, SOPClassHandlerId: set.SOPClassHandlerId, view: set.view })
  );
}

/**
 * What a presentation state refers to is drawn by the program, as the state wants it. To OHIF it is a multi-frame image
 * in colour, with a frame for each image that is referred to.
 */
function makePresented(instance, set, stock) {
  if (!set.presented?.NumberOfFrames) {
    return makePlain(instance, { ...set, view: 'document' });
  }
  const { stamp, ...image } = set.presented;
  const frames = Array.from({ length: image.NumberOfFrames }, (_, number) => number + 1);
  changeAsDecoded(instance, image);
  instance.ownImageIds = frames.map(frame => `wadors:${BASE}/presented/${stamp}/${placeOf(instance)}/frames/${frame}`);
  const [made] = stock([instance]);
  return made;
}

/** The viewports of a mode, and behind them those that it lacks: nothing may be without one. */
export function addViewports(manager) {
  const { extensionManager } = manager;
  const layout = extensionManager.getModuleEntry('@ohif/extension-default.layoutTemplateModule.viewerLayout');
  const show = layout.component;
  const more = [
    [CORNERSTONE, [STACK, VIDEO]],
    ...[
      ['cornerstone-dicom-seg', 'dicom-seg'],
      ['cornerstone-dicom-pmap', 'dicom-pmap'],
      ['cornerstone-dicom-rt', 'dicom-rt'],
      ['cornerstone-dicom-sr', 'dicom-sr'],
      ['dicom-pdf', 'dicom-pdf'],
    ].map(([extension, name]) => [
      `@ohif/extension-${extension}.viewportModule.${name}`,
      [`@ohif/extension-${extension}.sopClassHandlerModule.${name}`],
    ]),
    ['@ohif/extension-default.viewportModule.chartViewport', ['@ohif/extension-default.sopClassHandlerModule.chart']],
  ].map(([namespace, displaySetsToDisplay]) => ({ namespace, displaySetsToDisplay }));
  const ours = [
    { namespace: `${EXTENSION}.viewportModule.film`, displaySetsToDisplay: [VIDEO] },
    { namespace: `${EXTENSION}.viewportModule.own`, displaySetsToDisplay: OWN_IDS },
  ];
  layout.component = props => {
    // A mode brings its own extensions along: not all of them are there in every mode.
    const isThere = ({ namespace }) => Boolean(extensionManager.getModuleEntry(namespace)?.component);
    showTextOfReports(extensionManager.getModuleEntry(REPORT), manager);
    [PDF, MICROSCOPY, CORNERSTONE].map(id => extensionManager.getModuleEntry(id)).forEach(announceFrom);
    return show({ ...props, viewports: [ours[0], ...props.viewports, ...more.filter(isThere), ours[1]] });
  };
}

/**
 * Of a measurement report, OHIF shows the image of the first measurement, and nothing at all if that has none. So those
 * with an image come first; a report that has none of its images here is shown as a page.
 */
function showTextOfReports(entry, manager) {
  const Shown = entry?.component;
  if (!Shown || withText.has(Shown)) {
    return;
  }
  entry.component = function ReportOrPage(props) {
    const { createElement, useEffect, useState } = react();
    const [set] = props.displaySets;
    const uid = set?.displaySetInstanceUID;
    const [known, setKnown] = useState({});
    useEffect(() => {
      let gone = false;
      const look = async () => {
        try {
          if (!set.isLoaded) {
            await set.load?.();
          }
        } catch (error) {
          console.warn('OHIF cannot read a measurement report.', error);
        }
        const isHere = measurement => Boolean(measurement.displaySetInstanceUID);
        set.measurements?.sort((one, other) => isHere(other) - isHere(one));
        if (!gone) {
          setKnown({ uid, isMeasured: set.measurements?.some(isHere) });
        }
      };
      look();
      return () => {
        gone = true;
      };
    }, [uid]);
    if (known.uid !== uid) {
      return createElement('div', { style: FILL });
    }
    return createElement(known.isMeasured ? Shown : ReportPage, { ...props, manager });
  };
  withText.add(entry.component);
}

function ReportPage(props) {
  const [{ label, instance, instances }] = props.displaySets;
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = instance ?? instances[0];
  return react().createElement(DocumentViewport, {
    ...props,
    set: { label, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID },
  });
}

/** Viewports that show a page where there are no images. */
const withText = new WeakSet();

/** Has a viewport of OHIF's say when it has something to show, if it does not show images. */
function announceFrom(entry) {
  const Shown = entry?.component;
  if (!Shown || announcing.has(Shown)) {
    return;
  }
  entry.component = function Announced(props) {
    const { createElement, useEffect } = react();
    const [set] = props.displaySets;
    const { displaySetInstanceUID, SOPClassHandlerId } = set ?? {};
    useEffect(() => {
      const isImage = [STACK, VIDEO].includes(SOPClassHandlerId);
      const timer = isImage || !set ? 0 : setTimeout(() => announce(set), SETTLE_MS);
      return () => clearTimeout(timer);
    }, [displaySetInstanceUID]);
    return createElement(Shown, props);
  };
  announcing.add(entry.component);
}

/** Viewports that say when they have something to show. */
const announcing = new WeakSet();

export function makeViewports(manager) {
  return [
    { name: 'own', component: props => react().createElement(OwnViewport, { ...props, manager }) },
    { name: 'film', component: props => react().createElement(FilmViewport, { ...props, manager }) },
  ];
}

/** A viewport has something to show; detail: the UID of the study. Cornerstone announces images itself. */
export const SHOWN = 'negatoscope-shown';

function announce(set) {
  document.dispatchEvent(new CustomEvent(SHOWN, { detail: set.StudyInstanceUID }));
}

const FILL = { width: '100%', height: '100%', border: 0, display: 'block', background: '#000' };

function OwnViewport(props) {
  const [set] = props.displaySets;
  const Shown = set.view === 'mesh' ? SurfaceViewport : DocumentViewport;
  return react().createElement(Shown, { key: set.displaySetInstanceUID, ...props, set });
}

/** OHIF waits for each viewport to say that it is there. */
function useReady({ onElementEnabled }, ref) {
  const { useEffect } = react();
  useEffect(() => {
    onElementEnabled?.({ detail: { element: ref.current } });
  }, []);
}

/**
 * A page that the program has made of an object. No script runs in it and it can ask for nothing: its sandbox and its
 * content security policy see to that. What is clicked in it is seen from here.
 */
function DocumentViewport(props) {
  const { createElement, useRef } = react();
  const frame = useRef(null);
  useReady(props, frame);
  const page = `${BASE}/documents/${placeOf(props.set)}`;
  const onLoad = () => {
    announce(props.set);
    frame.current?.contentDocument?.addEventListener('click', event => {
      const link = event.target.closest?.('a');
      if (link && !link.matches('.jump')) {
        event.preventDefault();
      }
      if (link?.matches('.reference')) {
        jumpTo(props.manager, props.viewportId, link.dataset);
      } else if (link?.matches('.view')) {
        frame.current.src = `${page}?${new URLSearchParams({ kind: link.dataset.kind })}`;
      }
    });
  };
  return createElement('iframe', {
    ref: frame,
    title: props.set.label,
    sandbox: 'allow-same-origin',
    referrerPolicy: 'no-referrer',
    src: page,
    style: { ...FILL, background: '#101418' },
    onLoad,
  });
}

/** Shows the image that a document refers to, beside the document if there is a second viewport, else in its place. */
export async function jumpTo({ servicesManager }, viewportId, { instance, series, frames }) {
  const { displaySetService, viewportGridService, cornerstoneViewportService, uiNotificationService } =
    servicesManager.services;
  const set = displaySetService
    .getActiveDisplaySets()
    .find(one => one.instances?.some(other => other.SOPInstanceUID === instance));
  if (!set) {
    uiNotificationService.show({
      title: 'Not here',
      message: 'The image that is referred to is not in the studies that are open.',
      type: 'warning',
    });
    return;
  }
  const { viewports } = viewportGridService.getState();
  const other = [...viewports.keys()].find(id => id !== viewportId) ?? viewportId;
  viewportGridService.setDisplaySetsForViewports([
    { viewportId: other, displaySetInstanceUIDs: [set.displaySetInstanceUID] },
  ]);
  viewportGridService.setActiveViewportId(other);
  // A viewport that has shown the set before comes back with the image that it had then.
  const frame = Number(frames?.split(',')[0]) || 1;
  const place = `/instances/${instance}/frames/`;
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise(resolve => setTimeout(resolve, TURN_MS));
    const viewport = cornerstoneViewportService.getCornerstoneViewport(other);
    const ids = viewport?.getImageIds?.() ?? [];
    const index = ids.findIndex(id => id.endsWith(`${place}${set.isMultiFrame ? frame : 1}`));
    if (index >= 0) {
      await window.cornerstone.utilities.jumpToSlice(viewport.element, { imageIndex: index });
      return;
    }
  }
}

function SurfaceViewport(props) {
  const { createElement, useEffect, useRef, useState } = react();
  const canvas = useRef(null);
  const [trouble, setTrouble] = useState('');
  useReady(props, canvas);
  useEffect(() => {
    let stop;
    let gone = false;
    ask(`/surfaces/${placeOf(props.set)}`)
      .then(answer => answer.arrayBuffer())
      .then(data => {
        if (!gone) {
          stop = showSurface(canvas.current, data);
          announce(props.set);
        }
      })
      .catch(error => setTrouble(error.message));
    return () => {
      gone = true;
      stop?.();
    };
  }, []);
  return createElement(
    'div',
    { style: { ...FILL, position: 'relative' } },
    createElement('canvas', { ref: canvas, style: { ...FILL, touchAction: 'none' } }),
    trouble && createElement(Notice, { text: trouble })
  );
}

function Notice({ text }) {
  return react().createElement(
    'div',
    {
      style: {
        position: 'absolute',
        inset: 0,
        display: 'flex',
        alignItems: 'center',
        justifyContent: 'center',
        padding: '2em',
        color: '#fff',
        background: '#000',
        fontSize: 16,
        textAlign: 'center',
        whiteSpace: 'pre-line',
      },
    },
    text
  );
}

/** OHIF's own viewport for films, once the program has made one that a browser plays. */
function FilmViewport(props) {
  const { createElement, useEffect, useRef, useState } = react();
  const [set] = props.displaySets;
  const [state, setState] = useState({ progress: 0 });
  const box = useRef(null);
  useReady({ ...props, set }, box);
  useEffect(() => {
    let gone = false;
    const look = async () => {
      try {
        const found = await (await ask(`/films/${placeOf(set.instance)}`)).json();
        if (!gone) {
          setState(found);
        }
        if (!gone && !found.ready && !found.trouble) {
          setTimeout(look, 250);
        }
      } catch (error) {
        setState({ trouble: error.message });
      }
    };
    look();
    return () => {
      gone = true;
    };
  }, [set.displaySetInstanceUID]);
  if (state.ready) {
    const url = BASE + state.url;
    setTimeout(() => announce(set), SETTLE_MS);
    set.videoUrl = url;
    set.getVideoUrl = undefined;
    setRendered(set.imageIds[0], url);
    const { component } = props.manager.extensionManager.getModuleEntry(CORNERSTONE);
    return createElement(component, props);
  }
  const percent = Math.floor(100 * (state.progress ?? 0));
  const text = state.trouble || `Making a film that can be played here …\n${percent} %`;
  return createElement('div', { ref: box, style: { ...FILL, position: 'relative' } }, createElement(Notice, { text }));
}

function setRendered(imageId, rendered) {
  window.cornerstone.utilities.genericMetadataProvider.add(imageId, { type: 'imageUrlModule', metadata: { rendered } });
}
