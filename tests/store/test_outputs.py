"""A file that a person asks for costs nobody another one, and is written whole or not at all."""

import os
import stat

import pytest

from monitoring_dagster.store.outputs import NotWritten, refuse_to_overwrite, write_whole


@pytest.fixture
def folder(on_disk):
    return on_disk


def refused(path, *, force=False, read=()):
    with pytest.raises(NotWritten) as caught:
        refuse_to_overwrite(path, force=force, read=read)
    return str(caught.value)


def test_a_new_file_in_a_folder_that_is_there_may_be_written(folder):
    refuse_to_overwrite(folder / "new.csv", force=False, read=[str(folder / "*.parquet")])


def test_what_is_there_is_replaced_only_by_force(folder):
    path = folder / "out.csv"
    path.touch()
    assert refused(path) == (
        f"{path} is there already: say --force to replace it, or name another file"
    )
    refuse_to_overwrite(path, force=True)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param("data/a.csv", id="the very file"),
        pytest.param("data", id="its folder"),
        pytest.param("data/*.csv", id="a glob"),
        pytest.param("link.csv", id="another name of it"),
        pytest.param("../{name}/data", id="a detour"),
    ],
)
def test_what_is_read_is_never_overwritten(folder, read):
    path = folder / "data" / "a.csv"
    path.parent.mkdir()
    path.write_text("rows")
    (folder / "link.csv").symlink_to(path)
    place = str(folder / read.format(name=folder.name))
    assert refused(path, force=True, read=[place]) == (
        f"{path} belongs to what is read and is never overwritten: name another file"
    )


def test_a_hard_link_of_what_is_read_is_what_is_read(folder):
    (folder / "a.csv").write_text("rows")
    os.link(folder / "a.csv", folder / "b.csv")
    assert "belongs to what is read" in refused(
        folder / "b.csv", force=True, read=[str(folder / "a.csv")]
    )


def test_a_place_that_is_no_file_is_refused(folder):
    assert refused(folder, force=True) == f"{folder} is a folder: name a file to write"
    os.mkfifo(folder / "pipe")
    assert refused(folder / "pipe", force=True).endswith("is no regular file: name a file to write")
    assert "is no regular file" in refused(folder.__class__("/dev/stdout"), force=True)


def test_a_folder_that_is_not_there_is_named(folder):
    path = folder / "gone" / "out.csv"
    assert refused(path) == (
        f"cannot write {path}: No such file or folder {folder / 'gone'}. Make it first"
    )


def test_a_name_that_no_disk_takes_is_one_line(folder):
    assert "File name too long" in refused(folder / ("x" * 300))
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    assert refused(folder / "a" / "out.csv").startswith("cannot write ")


def test_a_folder_that_takes_no_file_is_named(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert "takes no new file" in refused(folder / "out.csv")


def test_it_is_there_as_a_whole_with_nothing_beside_it(folder):
    write_whole(folder / "out.csv", b"rows")
    assert [one.name for one in folder.iterdir()] == ["out.csv"]
    assert (folder / "out.csv").read_bytes() == b"rows"


def test_who_may_read_it_may_read_what_replaces_it(folder):
    path = folder / "out.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)


def test_a_link_stays_one(folder):
    (folder / "real.csv").write_bytes(b"old")
    (folder / "link.csv").symlink_to("real.csv")
    write_whole(folder / "link.csv", b"new")
    assert (folder / "link.csv").is_symlink()
    assert (folder / "real.csv").read_bytes() == b"new"


def test_what_appeared_meanwhile_stays(folder):
    (folder / "out.csv").write_bytes(b"somebody's")
    with pytest.raises(NotWritten, match="is there already"):
        write_whole(folder / "out.csv", b"ours", force=False)
    assert (folder / "out.csv").read_bytes() == b"somebody's"
    assert len(list(folder.iterdir())) == 1


def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    (folder / "out.csv").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"cannot write .*out\.csv: No space left on device"):
        write_whole(folder / "out.csv", b"new")
    assert (folder / "out.csv").read_bytes() == b"old"
    assert len(list(folder.iterdir())) == 1
