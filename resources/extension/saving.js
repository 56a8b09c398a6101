/**
 * Makes OHIF's Save store in the program's library, whichever data source shows the study, and fail where it failed:
 * OHIF's `dicomjson` source throws away what it is given, and OHIF says that it was saved.
 */

import { forgetPlans } from './displaysets.js';
import { OURS } from './measurements.js';

/** Tells the program that this was made here, and is nowhere else. */
const MADE_HERE = 'X-Saved-By-Viewer';

export function takeOverSaving({ extensionManager, servicesManager }) {
  const [web] = extensionManager.getDataSources('dicomweb');
  const [json] = extensionManager.getDataSources('dicomjson');
  const store = web.store.dicom;

  async function save(dataset, _request, dicomDict) {
    const request = new XMLHttpRequest();
    const open = request.open;
    request.open = (...args) => {
      open.apply(request, args);
      request.setRequestHeader(MADE_HERE, '1');
    };
    sign(dataset);
    try {
      await store(dataset, request, dicomDict);
    } catch (error) {
      withdraw(dataset, servicesManager.services.displaySetService);
      throw new Error(`It was not saved. ${reasonOf(request, error)}`);
    }
    forgetPlans(dataset.StudyInstanceUID);
  }

  web.store.dicom = save;
  json.store.dicom = save;
}

/** Says what made it. OHIF's library writes words of its own where a study has no number. */
function sign(dataset) {
  dataset.ManufacturerModelName = OURS;
  if (dataset.StudyID === 'No Study ID') {
    dataset.StudyID = '';
  }
}

/** OHIF shows what it makes before it has saved it. */
function withdraw({ SOPInstanceUID }, service) {
  service
    .getActiveDisplaySets()
    .filter(set => [...(set.instances ?? []), set].some(one => one.SOPInstanceUID === SOPInstanceUID))
    .forEach(set => service.deleteDisplaySet(set.displaySetInstanceUID));
}

/** Why something was not stored, in the server's words. */
function reasonOf(request, error) {
  if (request.status === 0) {
    return 'The program does not answer.';
  }
  const said = request.getResponseHeader('Warning')?.match(/"(.*?)"/)?.[1];
  const isText = request.getResponseHeader('Content-Type')?.startsWith('text/plain');
  return said ?? (isText ? request.responseText : error.message);
}
