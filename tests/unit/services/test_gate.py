"""Who makes copies and who takes them away never do so at once."""

import threading

import pytest

from desktop.errors import InputError
from desktop.services.gate import Gate

SECONDS = 20


def test_many_make_copies_at_once() -> None:
    gate = Gate()
    with gate.making(), gate.making(), gate.making():
        pass
    with gate.removing(0):
        pass


def test_nothing_is_taken_away_while_a_copy_is_made() -> None:
    gate = Gate()
    with gate.making(), pytest.raises(InputError, match="Nothing was deleted"), gate.removing(0.01):
        pytest.fail("a copy may have been lost")
    with gate.removing(0):
        pass


def test_one_after_another_takes_away() -> None:
    gate = Gate()
    with gate.removing(0), pytest.raises(InputError), gate.removing(0.01):
        pytest.fail("two at once")


def test_who_makes_copies_waits_until_they_are_taken_away() -> None:
    gate, begun = Gate(), threading.Event()

    def make() -> None:
        with gate.making():
            begun.set()

    thread = threading.Thread(target=make, name="making")
    with gate.removing():
        thread.start()
        assert not begun.wait(0.05)
    thread.join(SECONDS)
    assert begun.is_set()


def test_who_takes_away_waits_for_those_who_have_begun_and_keeps_nobody_from_beginning() -> None:
    gate, order = Gate(), list[str]()

    def remove() -> None:
        with gate.removing(SECONDS):
            order.append("removed")

    def make() -> None:
        with gate.making():
            order.append("made")

    removing, making = (threading.Thread(target=one, name="gate") for one in (remove, make))
    with gate.making():
        removing.start()
        making.start()
        making.join(SECONDS)
        assert order == ["made"]
    removing.join(SECONDS)
    assert order == ["made", "removed"]


def test_an_error_leaves_it_open() -> None:
    gate = Gate()
    with pytest.raises(ZeroDivisionError), gate.making():
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), gate.removing(0):
        raise ZeroDivisionError
    with gate.making():
        pass
