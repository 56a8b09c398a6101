/**
 * Brings back what was measured and saved here: when a study is opened again, the measurements of its newest report of
 * ours are on the images, as they were, and nobody is asked. Others wait for a double click, as OHIF has it.
 */

import { modeOfAddress } from './ohif.js';

/** Stands in what is saved here, as the name of the device. */
export const OURS = 'Negatoscope';

/** The only mode in which OHIF follows the series that are measured. */
const TRACKING = 'viewer';

let bring = () => {};

/** Tells that an image of a study is on the screen: now its measurements find it. */
export function bringBackMeasurements(study) {
  bring(study);
}

export function watchMeasurements({ servicesManager, commandsManager }) {
  const { displaySetService: service } = servicesManager.services;
  /** Reports that were looked at, by OHIF's display sets, which are others at each opening. */
  const seen = new WeakSet();
  let drawn;
  let isDue = false;

  service.subscribe(service.EVENTS.DISPLAY_SETS_ADDED, ({ displaySetsAdded }) => {
    if (service.getActiveDisplaySets().length === displaySetsAdded.length) {
      // Another study, or the same one anew.
      drawn = undefined;
    }
    isDue = true;
    attempt();
  });

  bring = study => {
    drawn = study;
    attempt();
  };

  function attempt() {
    if (!isDue || !drawn) {
      return;
    }
    isDue = false;
    // What was saved in this page just now is not planned, and shown already.
    const [newest] = service
      .getActiveDisplaySets()
      .filter(set => set.plannedUID && set.StudyInstanceUID === drawn && isOurReport(set))
      .sort((one, other) => timeOf(other).localeCompare(timeOf(one)));
    if (newest && !seen.has(newest)) {
      seen.add(newest);
      hydrate(newest);
    }
  }

  async function hydrate(set) {
    await set.load?.();
    if (!set.isRehydratable || set.isHydrated) {
      return;
    }
    if (modeOfAddress() === TRACKING) {
      // First: OHIF asks of each measurement of a series that it does not follow.
      commandsManager.runCommand('restoreTrackedSeries', {
        StudyInstanceUID: set.StudyInstanceUID,
        SeriesInstanceUIDs: measuredSeries(set),
      });
    }
    commandsManager.runCommand(
      'hydrateStructuredReport',
      { displaySetInstanceUID: set.displaySetInstanceUID },
      'CORNERSTONE_STRUCTURED_REPORT'
    );
  }
}

/** The series of the images that a report measures. */
function measuredSeries({ measurements }) {
  const { metaData } = window.cornerstone;
  const images = measurements.map(({ imageId }) => imageId).filter(Boolean);
  return [...new Set(images.map(imageId => metaData.get('instance', imageId).SeriesInstanceUID))];
}

function isOurReport({ Modality, instance }) {
  return Modality === 'SR' && instance?.ManufacturerModelName === OURS;
}

function timeOf({ instance }) {
  return `${instance.ContentDate ?? ''}${instance.ContentTime ?? ''}`;
}
