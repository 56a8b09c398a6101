"""The one command of development, for any Python from 3.11 on and with nothing installed.

    python3 packaging/dev.py run [PATH...]      start Negatoscope on PATHs, or on a sample study
    python3 packaging/dev.py test [ARGS...]     all checks and tests; ARGS go to pytest
    python3 packaging/dev.py bench [ARGS...]    the benchmarks; ARGS go to them
    python3 packaging/dev.py fuzz [ARGS...]     damaged files, under limits; ARGS go to it
    python3 packaging/dev.py kill [ARGS...]     imports that are killed; ARGS go to it
    python3 packaging/dev.py pin                renew packaging/constraints.txt

The first five make `.venv` at the first call, with every package, OHIF and, on Debian and its kin, Qt's
system libraries; later calls start at once.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs it has not seen pyproject.toml
    sys.exit("Negatoscope needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info[:2]))

import dev_system
from dev_pins import renew
from dev_setup import CONSTRAINTS, ROOT, Venv, prepare
from dev_system import DevError
from fetch_ohif import OhifError

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)

# They need a finished build, or minutes; each is asked for by name.
NOT_BY_DEFAULT = ("tests/benchmarks", "tests/frozen", "tests/fuzz")


def run(arguments: Sequence[str]) -> int:
    """Start the program on the given paths, or on a sample study."""
    venv = prepare()
    program = str(venv.program("negatoscope"))
    if arguments:
        return call([program, *arguments])
    sample = venv.folder / "sample-study"
    if not sample.is_dir():
        code = call([program, "sample", str(sample)])
        if code != 0:
            shutil.rmtree(sample, ignore_errors=True)
            return code
    return call([program, str(sample)])


def test(arguments: Sequence[str]) -> int:
    """Run all checks, whatever fails, and then pytest, whose closing line comes last."""
    venv = prepare()
    dev_system.ensure_test_programs()
    environment = test_environment(os.environ)
    failed = [" ".join(check) for check in CHECKS if not passes(venv, check, environment)]
    if failed:
        print(f"FAILED before pytest: {', '.join(failed)}")
    command = [str(venv.program("pytest")), *pytest_arguments(arguments)]
    print(f"pytest {' '.join(command[1:])}", flush=True)
    code = call(command, environment, ROOT)
    return code or (1 if failed else 0)


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks."""
    venv = prepare()
    command = [str(venv.python), "tests/benchmarks/run.py", *arguments]
    return call(command, test_environment(os.environ), ROOT)


def fuzz(arguments: Sequence[str]) -> int:
    """Run the fuzz test."""
    return run_module("fuzz.run", arguments)


def kill(arguments: Sequence[str]) -> int:
    """Kill imports, and see that nothing is lost."""
    return run_module("fuzz.killing", arguments)


def pin(arguments: Sequence[str]) -> int:
    """Renew the exact versions."""
    if arguments:
        raise DevError("pin takes no arguments.")
    print(f"{CONSTRAINTS}: {renew()} pins")
    return 0


COMMANDS = {"run": run, "test": test, "bench": bench, "fuzz": fuzz, "kill": kill, "pin": pin}


def run_module(name: str, arguments: Sequence[str]) -> int:
    """Run a module of the tests."""
    command = [str(prepare().python), "-m", name, *arguments]
    return call(command, {**os.environ, "PYTHONPATH": str(ROOT / "tests")}, ROOT)


def passes(venv: Venv, check: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run one check, print a line and, if it fails, its output; say whether it passed."""
    print(" ".join(check), end=" ... ", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        [str(venv.program(check[0])), *check[1:]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    took = f"({time.monotonic() - started:.1f} s)"
    if done.returncode == 0:
        print(f"ok {took}", flush=True)
        return True
    print(f"FAILED {took}", flush=True)
    # As bytes: what a check prints need not fit this console's encoding.
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    return False


def pytest_arguments(extra: Sequence[str]) -> list[str]:
    """Return pytest's arguments: two processes, and not the folders that are asked for by name.

    Each process has a half of the tests, in their order, until it takes some of the other's: so most pages and
    libraries that tests share are made once, and not by each process.
    """
    named = " ".join(extra)
    return [
        "-n",
        "2",
        "--dist",
        "worksteal",
        *(f"--ignore={folder}" for folder in NOT_BY_DEFAULT if folder not in named),
        *extra,
    ]


def test_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for tests: on Linux Qt draws without a screen, and without a GPU."""
    if sys.platform != "linux":
        return dict(environment)
    defaults = {
        "QT_QPA_PLATFORM": "offscreen",
        # Without the first there is no WebGL; without the second, grabbed pictures are black.
        "QTWEBENGINE_CHROMIUM_FLAGS": "--ignore-gpu-blocklist --disable-gpu-compositing",
    }
    if os.geteuid() == 0:
        defaults["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # Chromium's sandbox refuses to start as root
    return {**defaults, **environment}


def call(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None) -> int:
    """Run a command on this terminal, in `folder` if given, and return its exit code as a shell has it."""
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        while True:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                continue  # the command has had it too, and decides
            return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stdout if arguments in (["-h"], ["--help"]) else sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except (DevError, OhifError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
