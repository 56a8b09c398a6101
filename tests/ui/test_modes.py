"""The button that offers the modes of the viewer."""

from PySide6.QtWidgets import QApplication

from desktop.ui.viewer.modes import ModeButton


def test_it_offers_modes_marks_the_one_shown_and_says_which_was_chosen(qapp: QApplication) -> None:
    button = ModeButton()
    chosen: list[str] = []
    button.chosen.connect(chosen.append)
    button.offer(["viewer", "tmtv"], "tmtv")
    assert button.names == ["viewer", "tmtv"]
    first, second = button.menu().actions()
    assert [first.isChecked(), second.isChecked()] == [False, True]
    assert button.text() == f"View: {second.text()}"
    first.trigger()
    assert chosen == ["viewer"]
    button.offer(["viewer"], "")
    assert (button.names, button.text()) == (["viewer"], "View")
    button.deleteLater()
