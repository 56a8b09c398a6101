"""What the resources of an instance share."""

from concurrent.futures import Executor

from ..library.queries import Located, locate
from ..library.store import Store
from .endpoints import Endpoint, Request
from .quick import Quick


class Resource(Endpoint):
    """Something below an instance, or the instance itself."""

    def __init__(self, store: Store, threads: Executor) -> None:
        super().__init__(threads)
        self._store = store
        self._quick = Quick(store)

    def _locate(self, request: Request) -> Located | None:
        return locate(self._store.reader(), *request.place)
