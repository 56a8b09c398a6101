"""The decisions of the development command; nothing is installed here."""

import os
import signal
import subprocess
import sys

import pytest

# The environment


def test_digest_sees_every_change(dev_setup):
    files = [("a", b"1"), ("b", b"2")]
    same = dev_setup.digest(files)
    assert dev_setup.digest(list(files)) == same
    for other in ([("a", b"1"), ("b", b"3")], [("a", b"1"), ("c", b"2")], [("a", b"1b:1:2")], files[:1], []):
        assert dev_setup.digest(other) != same


def test_stamp_depends_on_the_files_that_decide(dev_setup, monkeypatch, tmp_path):
    monkeypatch.setattr(dev_setup, "ROOT", tmp_path)
    for name in dev_setup.INPUTS:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    stamps = [dev_setup.wanted_stamp()]
    for name in dev_setup.INPUTS:
        (tmp_path / name).write_text("changed")
        stamps.append(dev_setup.wanted_stamp())
    assert len({stamp["inputs"] for stamp in stamps}) == len(dev_setup.INPUTS) + 1
    assert {stamp["root"] for stamp in stamps} == {str(tmp_path)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, False),
        ({"python": "3.11.2", "root": "/a", "inputs": "x"}, False),
        ({"python": "3.11.2", "root": "/a", "inputs": "y"}, False),
        ({"python": "3.12.1", "root": "/a", "inputs": "x"}, True),
        ({"python": "3.11.2", "root": "/b", "inputs": "x"}, True),
    ],
)
def test_an_environment_of_another_python_or_place_is_made_anew(dev_setup, found, expected):
    wanted = {"python": "3.11.2", "root": "/a", "inputs": "x"}
    assert dev_setup.must_be_new(found, wanted) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, {}), ("", {}), ("{", {}), ("7", {}), ('{"python": "3.11.2"}', {"python": "3.11.2"})],
)
def test_a_damaged_stamp_counts_as_none(dev_setup, tmp_path, text, expected):
    venv = dev_setup.Venv(tmp_path / "venv")
    venv.python.parent.mkdir(parents=True)
    venv.python.touch()
    if text is not None:
        venv.stamp.write_text(text)
    assert dev_setup.read_stamp(venv) == expected


def test_a_stamp_without_an_interpreter_counts_as_none(dev_setup, tmp_path):
    venv = dev_setup.Venv(tmp_path)
    venv.stamp.write_text('{"python": "3.11.2"}')
    assert dev_setup.read_stamp(venv) == {}


@pytest.mark.parametrize(("windows", "expected"), [(False, ("bin", "ruff")), (True, ("Scripts", "ruff.exe"))])
def test_programs_are_where_the_system_puts_them(dev_setup, tmp_path, windows, expected):
    assert dev_setup.Venv(tmp_path, windows).program("ruff") == tmp_path.joinpath(*expected)


@pytest.mark.parametrize(
    ("stamp", "ohif", "fetched", "expected"),
    [
        ("current", True, True, []),
        ("current", False, True, ["fetch"]),
        ("current", False, False, ["fetch", "install"]),
        ("stale", True, True, ["make"]),
        ("stale", False, True, ["make"]),
    ],
)
def test_only_what_is_missing_is_done(dev_setup, fetch_ohif, monkeypatch, tmp_path, stamp, ohif, fetched, expected):
    done = []

    def ensure():
        done.append("fetch")
        if not fetched:
            raise fetch_ohif.OhifError("no npm")

    monkeypatch.setattr(dev_setup, "ROOT", tmp_path)
    monkeypatch.setattr(dev_setup, "wanted_stamp", lambda: {"python": "current"})
    monkeypatch.setattr(dev_setup, "read_stamp", lambda venv: {"python": stamp})
    monkeypatch.setattr(dev_setup, "_make", lambda venv, wanted: done.append("make"))
    monkeypatch.setattr(dev_setup, "_install", lambda venv: done.append("install"))
    monkeypatch.setattr(dev_setup.dev_system, "ensure_qt_libraries", lambda: None)
    monkeypatch.setattr(fetch_ohif, "is_complete", lambda: ohif)
    monkeypatch.setattr(fetch_ohif, "ensure_ohif", ensure)
    assert dev_setup.prepare().folder == tmp_path / ".venv"
    assert done == expected


def test_a_failing_command_shows_its_output(dev_setup, dev_system):
    code = "import sys; print('the reason'); sys.exit(3)"
    with pytest.raises(dev_system.DevError, match="the reason\nIt failed"):
        dev_setup.run_quietly([sys.executable, "-c", code], "It failed")


# The operating system


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        (set(), ["a|b", "c"]),
        ({"a"}, ["c"]),
        ({"b"}, ["c"]),
        ({"a", "c"}, []),
        ({"other"}, ["a|b", "c"]),
    ],
)
def test_missing_packages(dev_system, installed, expected):
    assert dev_system.missing_packages(["a|b", "c"], installed) == expected


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        ({"libasound2"}, ["libasound2", "libnss3"]),
        ({"libasound2t64", "libasound2"}, ["libasound2t64", "libnss3"]),
        ({"libasound2t64"}, ["libasound2t64", "libnss3"]),
        (set(), ["libasound2", "libnss3"]),
    ],
)
def test_the_name_that_the_release_has_is_chosen(dev_system, available, expected):
    assert dev_system.choose_packages(["libasound2t64|libasound2", "libnss3"], available) == expected


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (True, "apt-get install -y --no-install-recommends a b"),
        (False, "sudo apt-get install -y --no-install-recommends a b"),
    ],
)
def test_install_command(dev_system, root, expected):
    assert " ".join(dev_system.install_command(["a", "b"], root=root)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', True),
        ("ID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="fedora"\nHOME_URL="https://debian.example"\n', False),
        ("ID=arch\nVERSION_ID=debian\n", False),
        ("", False),
    ],
)
def test_debian_and_its_kin_are_known(dev_system, text, expected):
    assert dev_system.names_debian(text) is expected


def test_libraries_that_ldd_does_not_find(dev_system):
    text = "\tlibnss3.so => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\tlibEGL.so.1 => not found\n"
    assert dev_system.missing_libraries(text) == ["libnss3.so", "libEGL.so.1"]


def test_qt_packages_are_sorted_and_named_once(dev_system):
    assert sorted(set(dev_system.QT_PACKAGES)) == list(dev_system.QT_PACKAGES)


@pytest.fixture
def apt(dev_system, monkeypatch):
    """An apt that notes its commands and installs what it is asked for."""
    commands = []
    installed = {"there"}

    def run(command):
        commands.append(" ".join(command))
        installed.update(command[4:])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(dev_system, "_apt", run)
    monkeypatch.setattr(dev_system, "_installed", lambda wanted: installed)
    monkeypatch.setattr(dev_system, "_available", lambda wanted: {"new"})
    dev_system._apt_update.cache_clear()
    yield commands
    dev_system._apt_update.cache_clear()


def test_root_installs_and_updates_once(dev_system, apt, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert dev_system.debian_packages(["there", "new|old"], "tests")
    assert dev_system.debian_packages(["more"], "tests")
    assert apt == [
        "apt-get update",
        "apt-get install -y --no-install-recommends new",
        "apt-get install -y --no-install-recommends more",
    ]


def test_others_are_told_the_command(dev_system, apt, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert not dev_system.debian_packages(["there", "new|old"], "tests")
    assert "sudo apt-get install -y --no-install-recommends new\n" in capsys.readouterr().out
    assert apt == []


def test_nothing_missing_runs_no_apt(dev_system, apt):
    assert dev_system.debian_packages(["there"], "tests")
    assert apt == []


@pytest.mark.parametrize(
    ("debian", "installs", "expected"),
    [(True, False, "package python3"), (False, False, "no ensurepip"), (True, True, None)],
)
def test_python_without_ensurepip(dev_system, monkeypatch, debian, installs, expected):
    answers = iter([False, installs])
    monkeypatch.setattr(dev_system, "_has_ensurepip", lambda: next(answers))
    monkeypatch.setattr(dev_system, "is_debian", lambda: debian)
    monkeypatch.setattr(dev_system, "debian_packages", lambda names, purpose: installs)
    if expected is None:
        dev_system.ensure_venv_module()
    else:
        with pytest.raises(dev_system.DevError, match=expected):
            dev_system.ensure_venv_module()


# The commands


_PROCESSES = ("-n", "2", "--dist", "worksteal")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([], [*_PROCESSES, "--ignore=tests/benchmarks", "--ignore=tests/frozen", "--ignore=tests/fuzz"]),
        (
            ["-k", "walk"],
            [*_PROCESSES, "--ignore=tests/benchmarks", "--ignore=tests/frozen", "--ignore=tests/fuzz", "-k", "walk"],
        ),
        (["tests/frozen"], [*_PROCESSES, "--ignore=tests/benchmarks", "--ignore=tests/fuzz", "tests/frozen"]),
    ],
)
def test_pytest_arguments(dev, extra, expected):
    assert dev.pytest_arguments(extra) == expected


@pytest.mark.parametrize(
    ("platform", "user", "given", "added"),
    [
        ("linux", 0, {}, {"QT_QPA_PLATFORM", "QTWEBENGINE_CHROMIUM_FLAGS", "QTWEBENGINE_DISABLE_SANDBOX"}),
        ("linux", 1000, {}, {"QT_QPA_PLATFORM", "QTWEBENGINE_CHROMIUM_FLAGS"}),
        ("linux", 1000, {"QT_QPA_PLATFORM": "xcb"}, {"QTWEBENGINE_CHROMIUM_FLAGS"}),
        ("darwin", 501, {}, set()),
        ("win32", 0, {}, set()),
    ],
)
def test_environment_of_the_tests(dev, monkeypatch, platform, user, given, added):
    monkeypatch.setattr(dev.sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    result = dev.test_environment({"HOME": "/home", **given})
    assert set(result) - set(given) == {"HOME", *added}
    assert {name: result[name] for name in given} == given


@pytest.fixture
def commands(dev, dev_setup, monkeypatch, tmp_path):
    """The commands that would be run; an entry of `codes` gives one its exit code."""
    venv = dev_setup.Venv(tmp_path)
    run = []
    codes = {}

    def call(command, environment=None, folder=None):
        run.append([os.path.relpath(part, tmp_path) if str(tmp_path) in part else part for part in command])
        return codes.get(run[-1][1] if len(run[-1]) > 1 else "", 0)

    monkeypatch.setattr(dev, "prepare", lambda: venv)
    monkeypatch.setattr(dev, "call", call)
    return run, codes, venv


def program(venv, name):
    return os.path.relpath(venv.program(name), venv.folder)


def test_run_makes_the_sample_once(dev, commands):
    run, _, venv = commands
    name = program(venv, "negatoscope")
    assert dev.main(["run"]) == 0
    assert run == [[name, "sample", "sample-study"], [name, "sample-study"]]
    run.clear()
    (venv.folder / "sample-study").mkdir()
    assert dev.main(["run"]) == 0
    assert run == [[name, "sample-study"]]


def test_run_keeps_no_half_made_sample(dev, commands):
    run, codes, venv = commands
    codes["sample"] = 1
    assert dev.main(["run"]) == 1
    assert len(run) == 1
    assert not (venv.folder / "sample-study").exists()


def test_run_passes_paths_and_the_exit_code_on(dev, commands):
    run, codes, venv = commands
    codes["ct"] = 3
    assert dev.main(["run", "ct", "mr"]) == 3
    assert run == [[program(venv, "negatoscope"), "ct", "mr"]]


@pytest.mark.parametrize(
    ("name", "started"),
    [
        ("bench", ["tests/benchmarks/run.py"]),
        ("fuzz", ["-m", "fuzz.run"]),
        ("kill", ["-m", "fuzz.killing"]),
    ],
)
def test_what_takes_time_is_started_by_name(dev, commands, name, started):
    run, codes, venv = commands
    codes[started[0]] = 1
    assert dev.main([name, "--help"]) == 1
    assert run == [[os.path.relpath(venv.python, venv.folder), *started, "--help"]]


@pytest.mark.parametrize(
    ("failing", "code", "expected"),
    [((), 0, 0), (("mypy",), 0, 1), ((), 1, 1), ((), 5, 5), (("ruff check .", "mypy"), 2, 2)],
)
def test_test_goes_on_after_a_failure(dev, commands, monkeypatch, capsys, failing, code, expected):
    run, codes, _ = commands
    checked = []

    def passes(venv, check, environment):
        checked.append(" ".join(check))
        return checked[-1] not in failing

    codes["-n"] = code
    monkeypatch.setattr(dev, "passes", passes)
    assert dev.main(["test", "-x"]) == expected
    assert checked == ["ruff check .", "ruff format --check .", "mypy", "lint-imports"]
    assert [command[-1] for command in run] == ["-x"]
    output = capsys.readouterr().out
    assert ("FAILED before pytest: " + ", ".join(failing) in output) is bool(failing)


@pytest.mark.parametrize(("code", "expected"), [(0, "ok"), (1, "FAILED")])
def test_a_check_shows_its_output_only_if_it_fails(dev, tmp_path, capfd, code, expected):
    class Here:
        def program(self, name):
            return sys.executable

    script = f"import sys; print('details'); sys.exit({code})"
    assert dev.passes(Here(), ("python", "-c", script), dict(os.environ)) is (code == 0)
    output = capfd.readouterr().out
    assert f"... {expected} (" in output
    assert ("\ndetails" in output) is (code != 0)


def test_exit_codes_are_passed_on(dev):
    assert dev.call([sys.executable, "-c", "raise SystemExit(7)"]) == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to be killed by")
def test_a_killed_command_gives_the_code_of_a_shell(dev):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert dev.call([sys.executable, "-c", code]) == 128 + signal.SIGKILL


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_wrong_usage(dev, capsys, arguments):
    assert dev.main(arguments) == 2
    assert "dev.py test" in capsys.readouterr().err


def test_errors_are_sentences(dev, dev_system, monkeypatch, capsys):
    def fail(arguments):
        raise dev_system.DevError("It can't be done.")

    monkeypatch.setitem(dev.COMMANDS, "run", fail)
    assert dev.main(["run"]) == 1
    assert capsys.readouterr().err == "It can't be done.\n"
