/**
 * Completes OHIF's data sources. Its source of DICOM-JSON knows nothing but the study that it was given; what it cannot
 * do is handed to the DICOMweb source, which asks the same program.
 */

import { ask, BASE } from './ohif.js';

const jsonOf = study => `${BASE}/studies/${study}/ohif-dicom-json`;

/** Gives the source of DICOM-JSON what it lacks. */
export function completeJson(json, web) {
  // Its clients are made when it is started.
  web.initialize({ params: {}, query: new URLSearchParams() });
  const { retrieve, query } = json;
  retrieve.bulkDataURI = (...given) => web.retrieve.bulkDataURI(...given);
  // The viewer of whole slides asks for tiles by this.
  retrieve.getWadoDicomWebClient = () => web.retrieve.getWadoDicomWebClient();
  query.series.search = (...given) => web.query.series.search(...given);
  query.instances.search = (...given) => web.query.instances.search(...given);
  getStudiesWhenAsked(json);
}

/** A study that the address does not name, such as a prior one, is got when it is opened. */
function getStudiesWhenAsked(json) {
  const { series } = json.retrieve;
  const metadata = series.metadata;
  series.metadata = async (args = {}) => {
    const study = args.StudyInstanceUID;
    const [known] = study ? await json.query.studies.search({ studyInstanceUid: study }) : [];
    if (study && !known) {
      await json.initialize({ query: new URLSearchParams(), url: jsonOf(study) });
    }
    return metadata.call(series, { filters: {}, ...args });
  };
}

/** Lets the study browser list the patient's other studies, as the program knows them: a number alone is no patient. */
export function findPriors(source) {
  const { studies } = source.query;
  const search = studies.search;
  /** Patient ID → UIDs of studies that were looked at. */
  const looked = new Map();
  studies.search = async (params, ...more) => {
    if (params?.patientId === undefined || !params.disableWildcard) {
      const found = await search.call(studies, params, ...more);
      const study = params?.studyInstanceUid;
      (Array.isArray(found) ? found : []).forEach(({ mrn, studyInstanceUid }) => {
        if (mrn && studyInstanceUid === study) {
          looked.set(mrn, (looked.get(mrn) ?? new Set()).add(study));
        }
      });
      return found;
    }
    // Those of a study that was open before may be another patient's, who has the same number elsewhere.
    const open = openStudies();
    const answers = await Promise.all(
      [...(looked.get(params.patientId) ?? [])]
        .filter(study => open.has(study))
        .map(study => ask(`/studies/${study}/priors`).then(one => one.json()))
    );
    return [...new Map(answers.flat().map(one => [one.studyInstanceUid, one])).values()];
  };
}

/** The studies that the address names: those that OHIF shows, but for priors. */
function openStudies() {
  const values = [...new URLSearchParams(location.search).values()].join(' ');
  return new Set(values.match(/[0-9]+(\.[0-9]+)*/g));
}
