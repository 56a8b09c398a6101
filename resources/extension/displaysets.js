/**
 * Makes OHIF show the display sets that the program has made: `/display-sets?study=…&mode=…`.
 *
 * One handler of ours stands in every mode, in front of the mode's own. It groups the instances that it is given by the
 * display set that they belong to, and has OHIF's own handler make each set of just these instances. What nobody has
 * planned (what was measured and saved just now) goes to the mode's handlers as ever.
 */

import { ask, modeOfAddress } from './ohif.js';
import { mend } from './mending.js';
import { giveThumbnail } from './thumbnails.js';

export const EXTENSION = '@negatoscope/desktop';
export const HANDLER = `${EXTENSION}.sopClassHandlerModule.display-sets`;
const NOTHING = `${EXTENSION}.sopClassHandlerModule.nothing`;

/** A list of SOP classes that has all of them, also those that nobody knows. */
const EVERY_CLASS = Object.assign([], { includes: () => true });

/** `mode study` → Promise of the sets; and the same when they are there. */
const asked = new Map();
const plans = new Map();

/** The mode of the address when OHIF entered it: OHIF may leave a page that it still works at. */
let mode = '';

function keyOf(study) {
  return `${mode} ${study}`;
}

/** Asks the program for a study's display sets, once. What fails is asked again the next time. */
export function plan(study) {
  const key = keyOf(study);
  if (!asked.has(key)) {
    const query = new URLSearchParams({ study, mode });
    const answer = ask(`/display-sets?${query}`)
      .then(response => response.json())
      .then(sets => plans.set(key, new Map(sets.flatMap(set => set.instances.map(uid => [uid, set])))))
      .catch(error => {
        // Without them, frames that the program decodes would be taken for what is in the file.
        asked.delete(key);
        throw error;
      });
    asked.set(key, answer);
  }
  return asked.get(key);
}

/** Has a study's display sets asked for again when it is opened the next time, since something was added to it. */
export function forgetPlans(study) {
  [...asked.keys()].filter(key => key.endsWith(` ${study}`)).forEach(key => asked.delete(key));
}

/** Each data source waits for the plan of a study before it gives its instances away. */
export function watchSource(source) {
  const { series } = source.retrieve;
  const metadata = series.metadata;
  series.metadata = async (args = {}) => {
    await plan(args.StudyInstanceUID);
    return metadata.call(series, args);
  };
  const initialize = source.initialize;
  source.initialize = args => {
    mode = modeOfAddress();
    // Both are needed, so both are asked for at once.
    const study = args?.query?.get?.('url')?.match(/\/studies\/([0-9.]+)\//)?.[1];
    if (study) {
      // Whoever needs it asks again, and hears why it cannot be had.
      plan(study).catch(() => {});
    }
    return initialize.call(source, args);
  };
  const imageIds = source.getImageIdsForDisplaySet;
  // What the program draws has addresses of its own.
  source.getImageIdsForDisplaySet = set =>
    set?.images?.[0]?.ownImageIds ? set.images.flatMap(one => one.ownImageIds) : imageIds.call(source, set);
}

/** The two handlers of ours: the one that makes sets, and one for OHIF's fallback, which is never needed. */
export function makeHandlers({ servicesManager, extensionManager }, makeOwn) {
  const { displaySetService } = servicesManager.services;
  putImagesFirst(displaySetService);
  /** Images that nobody had planned: those for which a plan is asked, and those that are in none. */
  const waiting = new WeakSet();
  const answered = new WeakSet();
  let stock = [];
  const init = displaySetService.init;
  displaySetService.init = (manager, handlers) => {
    stock = handlers;
    init.call(displaySetService, manager, [HANDLER]);
    displaySetService.setUnsuportedSOPClassHandler(NOTHING);
  };

  function getDisplaySetsFromSeries(instances) {
    const { StudyInstanceUID, SeriesInstanceUID } = instances[0];
    const there = displaySetService.getDisplaySetsForSeries(SeriesInstanceUID);
    const fresh = without(instances, there);
    const planned = plans.get(keyOf(StudyInstanceUID));
    const [groups, rest] = group(fresh, planned);
    const made = groups.flatMap(([set, members]) => make(set, members));
    const unplanned = without(rest, made);
    const late = unplanned.filter(isLate);
    planAnew(
      StudyInstanceUID,
      late.filter(instance => !waiting.has(instance))
    );
    return [...made, ...makeUnplanned(without(unplanned, [{ instances: late }]), there)];
  }

  /** An image that has come since the plan was made waits for a new one: only that says how its frames are sent. */
  function isLate(instance) {
    return instance.Rows > 0 && instance.Modality !== 'SEG' && !answered.has(instance);
  }

  function planAnew(study, late) {
    if (!late.length) {
      return;
    }
    late.forEach(instance => waiting.add(instance));
    asked.delete(keyOf(study));
    plan(study)
      .then(() => {
        // What the plan does not know now is of this page alone.
        late.forEach(instance => answered.add(instance));
        displaySetService.makeDisplaySets(late, { batch: false });
      })
      // What fails is told to the user, as any rejection that nobody catches.
      .finally(() => late.forEach(instance => waiting.delete(instance)));
  }

  function make(set, members) {
    mend(set, members);
    try {
      const sets = set.view === 'ohif' ? stockHandler(set.SOPClassHandlerId)(members) : makeOwn(set, members);
      if (sets?.length) {
        return sets.map(one => decorate(one, set, members));
      }
    } catch (error) {
      console.error(`OHIF's handler ${set.SOPClassHandlerId} failed.`, error);
    }
    // OHIF does not take what the program took for its own: it is shown all the same.
    return makeOwn({ ...set, view: 'document' }, members).map(one => decorate(one, set, members));
  }

  function stockHandler(id) {
    const handler = extensionManager.getModuleEntry(id);
    return members => handler.getDisplaySetsFromSeries(members);
  }

  /** As OHIF does it itself: the mode's handlers in order, which may also add to their sets. */
  function makeUnplanned(instances, there) {
    let left = instances;
    const made = [];
    for (const id of stock) {
      const handler = extensionManager.getModuleEntry(id);
      if (!left.length || !handler?.sopClassUids?.includes(left[0].SOPClassUID)) {
        continue;
      }
      for (const set of there.filter(one => one.SOPClassHandlerId === id)) {
        const added = set.addInstances?.(left, displaySetService);
        if (added) {
          left = without(left, [added]);
          displaySetService.setDisplaySetMetadataInvalidated(added.displaySetInstanceUID);
        }
      }
      const more = (left.length && handler.getDisplaySetsFromSeries(left)) || [];
      made.push(...more);
      left = without(left, more);
    }
    return made;
  }

  return [
    { name: 'display-sets', sopClassUids: EVERY_CLASS, getDisplaySetsFromSeries },
    { name: 'nothing', sopClassUids: [], getDisplaySetsFromSeries: () => [] },
  ];
}

/**
 * Of the sets of a series, OHIF takes the first one for the images that a segmentation or a map lies over: also of those
 * that it says it has just made, if the segmentation came before its images. A series may begin with something else, over
 * which nothing can lie.
 */
function putImagesFirst(service) {
  for (const name of ['getDisplaySetsForSeries', 'getDisplaySetsForReferences']) {
    const find = service[name];
    service[name] = given => imagesFirst(find.call(service, given));
  }
  const broadcast = service._broadcastEvent;
  service._broadcastEvent = (event, said) =>
    broadcast.call(
      service,
      event,
      event === service.EVENTS.DISPLAY_SETS_ADDED
        ? { ...said, displaySetsAdded: imagesFirst(said.displaySetsAdded) }
        : said
    );
}

function imagesFirst(sets) {
  const rank = set => (set.images?.length ? 0 : 1);
  return [...sets].sort((one, other) => rank(one) - rank(other));
}

function without(instances, sets) {
  const known = new Set(sets.flatMap(set => (set.instances ?? []).map(one => one.SOPInstanceUID)));
  return instances.filter(one => !known.has(one.SOPInstanceUID));
}

/** The planned sets with those of the instances that belong to them, in the plan's order, and the rest. */
function group(instances, planned) {
  const groups = new Map();
  const rest = [];
  for (const instance of instances) {
    const set = planned?.get(instance.SOPInstanceUID);
    if (!set) {
      rest.push(instance);
    } else if (groups.has(set)) {
      groups.get(set).push(instance);
    } else {
      groups.set(set, [instance]);
    }
  }
  return [[...groups], rest];
}

/** Adds to a set of OHIF's what the program knows of it. */
function decorate(made, set, members) {
  const setAll = values => (made.setAttributes ? made.setAttributes(values) : Object.assign(made, values));
  const missing = set.instances.length - members.length;
  setAll({
    plannedUID: set.displaySetInstanceUID,
    label: set.label,
    part: set.part,
    coverage: set.coverage,
    // OHIF's list shows this.
    SeriesDescription: set.label,
    // OHIF sorts what is empty otherwise than what is not there.
    SeriesDate: set.SeriesDate || undefined,
    SeriesTime: set.SeriesTime || undefined,
    SeriesNumber: set.SeriesNumber,
    missingInstances: missing,
  });
  if (set.SOPClassHandlerId.endsWith('.stack')) {
    // Of frames that all lie in one place, OHIF would make a volume.
    setAll({ isReconstructable: set.isReconstructable });
  }
  // Some handlers keep the newest of their instances alone, or name none.
  made.instances ??= members;
  made.instance ??= members[0];
  if (made.messages?.addMessage) {
    made.messages.messages.length = 0;
    // OHIF has words for its own messages alone. What it does not know, it shows as it is.
    set.messages.forEach(({ id, args, text }) => made.messages.addMessage(text ?? id, { ...args, code: id }));
  }
  if (set.thumbnail) {
    giveThumbnail(made, set.thumbnail);
  }
  if (missing) {
    console.error(`OHIF has ${members.length} of ${set.instances.length} instances of a display set.`);
  }
  return made;
}
