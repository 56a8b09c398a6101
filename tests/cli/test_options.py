"""What the command line means, without doing it."""

import pytest

from desktop import __version__
from desktop.cli import WINDOW_COMMANDS, make_parser, read_options
from desktop.errors import ExitCode
from desktop.options import Options
from desktop.settings import DataSource


def name_words(words: object) -> str | None:
    return " ".join(words)[:40] if isinstance(words, list) else None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Options("window")),
        (["folder"], Options("window", ("folder",))),
        (["a", "b c", "ü"], Options("window", ("a", "b c", "ü"))),
        (["window"], Options("window")),
        (["window", "import"], Options("window", ("import",))),
        # A folder that is named like a command.
        (["./import"], Options("window", ("./import",))),
        (["--", "import"], Options("window", ("import",))),
        (["--", "import", "studies"], Options("window", ("import", "studies"))),
        (["a", "import"], Options("window", ("a", "import"))),
        (["import", "import"], Options("import", ("import",))),
        # Paths that begin like options.
        (["--", "-weird"], Options("window", ("-weird",))),
        (["--", "--json"], Options("window", ("--json",))),
        (["./-weird"], Options("window", ("./-weird",))),
        (["import", "--", "-weird", "--json"], Options("import", ("-weird", "--json"))),
        (["import", "--json", "--", "-weird"], Options("import", ("-weird",), json=True)),
        (["serve", "--", "--port"], Options("serve", ("--port",))),
        (["Import"], Options("window", ("Import",))),
        (["imp"], Options("window", ("imp",))),
        (["--base-dir", "X"], Options("window", base_dir="X")),
        (["--base-dir", "import", "X"], Options("window", ("X",), base_dir="import")),
        (["--base-dir=X", "import", "a"], Options("import", ("a",), base_dir="X")),
        (["--base-dir", "X", "import", "a"], Options("import", ("a",), base_dir="X")),
        (["import", "a", "--base-dir", "X"], Options("import", ("a",), base_dir="X")),
        (["--base-dir", "X", "import", "--base-dir", "Y", "a"], Options("import", ("a",), base_dir="Y")),
        (["--base-dir", "X", "--", "import"], Options("window", ("import",), base_dir="X")),
        (["-v"], Options("window", verbose=True)),
        (["-v", "import", "a"], Options("import", ("a",), verbose=True)),
        (["import", "-v", "a"], Options("import", ("a",), verbose=True)),
        (["--verbose", "--", "a"], Options("window", ("a",), verbose=True)),
        (["import", "a", "b", "--json"], Options("import", ("a", "b"), json=True)),
        (["studies"], Options("studies")),
        (["studies", "doe", "2020"], Options("studies", query="doe 2020")),
        (["studies", "--", "--json"], Options("studies", query="--json")),
        (["display-sets", "a"], Options("display-sets", ("a",))),
        (["display-sets", "--study", "1.2"], Options("display-sets", study="1.2")),
        (["serve"], Options("serve")),
        (["serve", "--port", "0"], Options("serve", port=0)),
        (["serve", "--port=65535", "a"], Options("serve", ("a",), port=65535)),
        (["doctor", "--json"], Options("doctor", json=True)),
        (["sample", "a"], Options("sample", ("a",))),
        (["open", "a"], Options("open", ("a",))),
        (
            ["open", "a", "--study", "1.2", "--screenshot", "x.png", "--timeout", "1.5", "--data-source", "dicom-web"],
            Options("open", ("a",), study="1.2", screenshot="x.png", timeout=1.5, data_source=DataSource.DICOM_WEB),
        ),
    ],
    ids=name_words,
)
def test_words(words: list[str], expected: Options) -> None:
    assert read_options(words) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import"], "required: PATH"),
        (["import", "--json"], "required: PATH"),
        (["import", "--nothing", "a"], "--nothing"),
        (["--nothing"], "--nothing"),
        (["-weird"], "-weird"),
        (["--json"], "--json"),
        (["a", "--json"], "--json"),
        (["--base-dir"], "--base-dir"),
        (["--base-dir", ""], "empty"),
        (["--base", "X", "import", "a"], "--base"),
        (["--base=X", "a"], "--base=X"),
        (["import", "a", "--js"], "--js"),
        (["import", ""], "empty"),
        (["import", "a", ""], "empty"),
        ([""], "empty"),
        (["serve", "--port"], "--port"),
        (["serve", "--port", ""], "no port"),
        (["serve", "--port", "http"], "'http' is no port"),
        (["serve", "--port", "-1"], "port"),
        (["serve", "--port", "65536"], "'65536' is no port"),
        (["serve", "--port", "8080.0"], "no port"),
        (["serve", "--port", "8_080"], "no port"),
        (["serve", "--port", "٨٠"], "no port"),
        (["serve", "--port", "9" * 5000], "no port"),
        (["open", "a", "--timeout", "0"], "no number of seconds"),
        (["open", "a", "--timeout", "nan"], "no number of seconds"),
        (["open", "a", "--timeout", "inf"], "no number of seconds"),
        (["open", "a", "--timeout", "soon"], "no number of seconds"),
        (["open", "a", "--data-source", "dicom"], "dicom-web"),
        (["sample"], "required: DIR"),
        (["sample", "a", "b"], "b"),
        (["doctor", "a"], "a"),
        (["display-sets", "--study"], "--study"),
        (["window", "--json"], "--json"),
        (["sample", "a", "--json"], "--json"),
        (["--version=1"], "--version"),
    ],
    ids=name_words,
)
def test_wrong_usage_is_told_in_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(words) is ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("negatoscope: ")
    assert err.count("\n") == 1
    assert said in err
    assert "See: negatoscope" in err
    assert "--help" in err
    assert not {"_port", "_seconds", "_name"} & set(err.split())


def test_what_moves_the_cursor_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(["import", "a", "--\x1b[2J\n\r\udcff"]) is ExitCode.USAGE
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\r" not in err
    assert err.count("\n") == 1


COMMANDS = {"window", "open", "import", "studies", "library", "display-sets", "serve", "pacs", "doctor", "sample"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-h"],
        ["--base-dir", "X", "--help"],
        ["--help", "import"],
        ["-v", "-h"],
    ],
    ids=name_words,
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(words) is ExitCode.DONE
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("usage: negatoscope ")
    assert out.isascii()
    assert [command for command in COMMANDS if command not in out] == []
    for line in ("0 done", "1 failed", "2 wrong usage", "3 nothing viewable", "4 timed out", "Not a medical device"):
        assert line in out


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options([command, "--help"]) is ExitCode.DONE
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"usage: negatoscope {command} ")
    assert "--base-dir" in out
    assert ("--json" in out) is (command not in ("window", "pacs", "sample"))


@pytest.mark.parametrize("words", [["--version"], ["--base-dir", "X", "--version"], ["-v", "--version"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert read_options(words) is ExitCode.DONE
    assert capsys.readouterr() == (f"negatoscope {__version__}\n", "")


def test_commands_are_known() -> None:
    _, commands = make_parser()
    assert {name.partition(" ")[0] for name in commands} == COMMANDS
    assert WINDOW_COMMANDS <= COMMANDS
