"""The same object in files of several programs: each has written File Meta Information of its own before it."""

from pathlib import Path

from builders import make_stack
from pydicom import dcmread
from unit.bench import Bench, counts


def with_other_head(path: Path, target: Path, version: str = "SOMEBODY ELSE") -> Path:
    """Write the same object as another program hands it on: with File Meta Information of its own."""
    ds = dcmread(path)
    ds.file_meta.ImplementationVersionName = version
    ds.save_as(target, enforce_file_format=True)
    assert target.read_bytes() != path.read_bytes()
    return target


def test_an_object_that_comes_in_other_files_is_shown_once(bench: Bench, tmp_path: Path) -> None:
    image, other = make_stack(tmp_path / "disc", 2)
    bench.run(image, other)
    handed_on = with_other_head(image, tmp_path / "handed on")
    # Where it is copied, the copy is what stays: a disc is taken out.
    assert counts(bench.copy(handed_on)) == {"updated": 1}
    assert bench.rows("SELECT count(*), sum(conflict), count(DISTINCT uid) FROM instances") == [(2, 0, 2)]
    (copy,) = bench.copies.glob("*/*.dcm")
    assert copy.read_bytes() == handed_on.read_bytes()
    assert bench.faults() == ()
    # The disc again, and the object from a third program, are duplicates; nothing is copied twice.
    assert counts(bench.run(image, other)) == {"duplicate": 1, "unchanged": 1}
    third = with_other_head(image, tmp_path / "third", "A THIRD")
    assert counts(bench.copy(third)) == {"duplicate": 1}
    assert list(bench.copies.glob("*/*.dcm")) == [copy]
    assert bench.rows("SELECT count(*) FROM instances") == [(2,)]
    # Of files whose parts lie elsewhere, none stands in.
    copy.unlink()
    assert bench.faults() != ()
    bench.run(image)
    assert bench.rows("SELECT count(*) FROM instances") == [(2,)]
    assert bench.faults() == ()


def test_an_object_with_other_content_is_another_one_whoever_wrote_its_head(bench: Bench, tmp_path: Path) -> None:
    (image,) = make_stack(tmp_path / "disc", 1)
    changed = with_other_head(image, tmp_path / "changed")
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    bench.run(image)
    assert counts(bench.copy(changed)) == {"conflict": 1}
    assert bench.rows("SELECT count(*) FROM instances") == [(2,)]
    assert bench.faults() == ()
