"""The cells of the matrix of destination files: what is at the path, and how the run begins."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from support.mounts import fill, mounted_file, read_only, require_root, small_disk

STRANGER = 4321
OTHER = "NEIGHBOUR=kept\n"


@dataclass(frozen=True)
class Kind:
    """A kind of destination file: its option, and the text around a key in it."""

    option: str
    text: str

    def holding(self, key: str) -> str:
        """Return the content of a file that holds a key."""
        return self.text.format(key)


KINDS = {
    "key file": Kind("--wk", "{}\n"),
    "dotenv file": Kind("--we", OTHER + "SIGNOTAUR_API_KEY={}\n"),
}


@dataclass(frozen=True)
class Situation:
    """What is at the path when the run begins."""

    prepare: Callable[[Path, str], AbstractContextManager[object]]
    """Is given the path and the content of a file with the old key."""
    works: bool
    """Whether the file can be replaced safely; if not, the run refuses before it asks for a key."""
    options: tuple[str, ...] = ()


def _written(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def _at_once(change: Callable[[Path, str], object]) -> Callable[[Path, str], nullcontext[None]]:
    def prepare(path: Path, text: str) -> nullcontext[None]:
        change(path, text)
        return nullcontext()

    return prepare


def _with_mode(mode: int) -> Callable[[Path, str], nullcontext[None]]:
    return _at_once(lambda path, text: _written(path, text, mode))


def _link(path: Path, text: str) -> None:
    _written(path.with_name("target"), text)
    path.symlink_to("target")


def _hard_link(path: Path, text: str) -> None:
    _written(path, text)
    path.with_name("second").hardlink_to(path)


def _socket(path: Path, _text: str) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _owned(path: Path, text: str) -> None:
    require_root()
    _written(path, text)
    os.chown(path, STRANGER, STRANGER)


def _closed(path: Path, text: str) -> None:
    _written(path, text)
    path.parent.chmod(0o500)


def _planted(path: Path, text: str) -> None:
    _owned(path, text)
    path.parent.chmod(0o1777)


@contextmanager
def _read_only_folder(path: Path, text: str) -> Iterator[None]:
    _written(path, text)
    with read_only(path.parent):
        yield


@contextmanager
def _full_disk(path: Path, text: str) -> Iterator[None]:
    with small_disk(path.parent):
        _written(path, text)
        fill(path.parent)
        yield


@contextmanager
def _small_disk(path: Path, text: str) -> Iterator[None]:
    with small_disk(path.parent):
        _written(path, text)
        yield


def _mounted(options: str) -> Callable[[Path, str], AbstractContextManager[object]]:
    @contextmanager
    def prepare(path: Path, text: str) -> Iterator[None]:
        source = path.parent.with_name(f"{path.parent.name}-source")
        _written(source, text)
        path.touch(0o600)
        with mounted_file(source, path, options):
            yield

    return prepare


SITUATIONS: Mapping[str, Situation] = {
    "no file": Situation(_at_once(lambda path, _: path.unlink(missing_ok=True)), works=True),
    "mode 0600": Situation(_with_mode(0o600), works=True),
    "mode 0644": Situation(_with_mode(0o644), works=True),
    "mode 0666": Situation(_with_mode(0o666), works=True),
    "mode 0400": Situation(_with_mode(0o400), works=True),
    "symbolic link": Situation(_at_once(_link), works=False),
    "symbolic link, followed": Situation(
        _at_once(_link), works=True, options=("--follow-symlinks",)
    ),
    "dangling link": Situation(_at_once(lambda path, _: path.symlink_to("gone")), works=False),
    "link to itself": Situation(_at_once(lambda path, _: path.symlink_to(path.name)), works=False),
    "hard link": Situation(_at_once(_hard_link), works=False),
    "folder": Situation(_at_once(lambda path, _: path.mkdir()), works=False),
    "pipe": Situation(_at_once(lambda path, _: os.mkfifo(path, 0o600)), works=False),
    "socket": Situation(_at_once(_socket), works=False),
    "device": Situation(
        _at_once(lambda path, _: os.mknod(path, 0o20600, os.makedev(1, 3))), works=False
    ),
    "read-only mount": Situation(_read_only_folder, works=False),
    "full disk": Situation(_full_disk, works=False),
    "small disk": Situation(_small_disk, works=True),
    "mounted file": Situation(_mounted("rw"), works=True),
    "mounted file, read-only": Situation(_mounted("ro"), works=False),
    "file of another user": Situation(_at_once(_owned), works=True),
    "planted in an open folder": Situation(_at_once(_planted), works=False),
    "folder that is closed": Situation(_at_once(_closed), works=True),
}
UMASKS = (0o000, 0o077, 0o777)


@dataclass(frozen=True)
class Cell:
    """One run: a kind of file, what is at its path, and the umask of the run."""

    kind: str
    situation: str
    umask: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.situation}, umask {self.umask:03o}"


CELLS = [Cell(*each) for each in product(KINDS, SITUATIONS, UMASKS)]
