"""A study's DICOM-JSON, over HTTP: prepared, and at a first opening."""

import http.client
import sys
from pathlib import Path

from figures import Figures, Target
from showing import milliseconds

from desktop.app import App
from desktop.paths import find_paths
from desktop.services.importing import ImportAsk

_TIMES = 5
_READY = Target(60, least=False)


def measure_study_json(figures: Figures, work: Path, folder: Path, runs: int) -> None:
    """Ask for the DICOM-JSON of the study in ``folder``, as OHIF does."""
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from server.asking import make_viewer

    with App(find_paths(work / "json").make()) as app:
        app.serve(port=0, resources=make_viewer(work / "viewer"))
        server, host = app.require_server()
        (uid,) = app.importing.start(ImportAsk((str(folder),))).wait().studies
        connection = http.client.HTTPConnection("127.0.0.1", host.port)
        headers = {"Authorization": f"Bearer {server.secrets.token}", "Accept-Encoding": "gzip"}

        def get() -> None:
            connection.request("GET", f"/studies/{uid}/ohif-dicom-json", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                raise RuntimeError(f"the server answers {answer.status}")

        entry = app.viewing.study(uid)
        name = f"DICOM-JSON of {entry.instances if entry else 0:,} instances"
        for _ in range(runs):
            app.store.write(lambda db: db.execute("DELETE FROM joined")).result()
            figures.add(f"{name}, first opening", milliseconds(get), "ms")
            app.preloading.run()
            for _ in range(_TIMES):
                figures.add(f"{name}, prepared", milliseconds(get), "ms", _READY)
        connection.close()
