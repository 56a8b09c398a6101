"""Keeps what was used last, for any thread, and makes each thing once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True, eq=False)
class _Slot(Generic[Value]):
    making: threading.Lock = field(default_factory=threading.Lock)
    value: Value | None = None
    weight: int = 0


class Recent(Generic[Value]):
    """Keeps the values that were used last, up to a total weight; the last one always.

    Args:
        limit: of the total weight.
        weigh: tells a value's weight.
    """

    def __init__(self, limit: int, weigh: Callable[[Value], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._slots: OrderedDict[Hashable, _Slot[Value]] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made if it is not there.

        Whoever else asks for it meanwhile waits. If ``make`` raises, so does this, and the next one tries anew.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
        with slot.making:
            if slot.value is None:
                try:
                    slot.value = make()
                except BaseException:
                    with self._lock:
                        if self._slots.get(key) is slot:
                            del self._slots[key]
                    raise
                self._keep(key, slot, self._weigh(slot.value))
            return slot.value

    def _keep(self, key: Hashable, slot: _Slot[Value], weight: int) -> None:
        with self._lock:
            if self._slots.get(key) is not slot:
                return
            slot.weight = weight
            self._total += weight
            while self._total > self._limit:
                # Those that are still being made are waited for.
                made = (one for one, other in self._slots.items() if other.value is not None and one != key)
                oldest = next(made, None)
                if oldest is None:
                    return
                self._total -= self._slots.pop(oldest).weight
