/**
 * OHIF asks in a viewport whether a segmentation is to be opened, and goes on asking when something else hangs there.
 */

export function watchQuestions({ servicesManager }) {
  const { uiViewportDialogService, viewportGridService } = servicesManager.services;
  /** The viewport in which something is asked, and what hung there then. */
  let asked;

  const show = uiViewportDialogService.show;
  uiViewportDialogService.show = question => {
    asked = { viewportId: question.viewportId, sets: setsOf(question.viewportId) };
    return show.call(uiViewportDialogService, question);
  };

  function setsOf(viewportId) {
    return viewportGridService.getState().viewports.get(viewportId)?.displaySetInstanceUIDs?.join();
  }

  viewportGridService.subscribe(viewportGridService.EVENTS.GRID_STATE_CHANGED, () => {
    if (asked && setsOf(asked.viewportId) !== asked.sets) {
      asked = undefined;
      uiViewportDialogService.hide();
    }
  });
}
