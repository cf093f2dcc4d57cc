"""Gather the root file system of the action's image: Python, what the client needs, no more.

Runs in the image's build stage as ``python3 rootfs.py SITE LAUNCHER TARGET``. SITE holds the
client and its locked dependencies, LAUNCHER is the compiled launcher.c, TARGET becomes the image.
No shell, no pip, no package manager goes in.
Everything is byte-compiled and carries one fixed time, so two builds give the same layer. What
stays of Debian is recorded where scanners look for it in images without a package manager.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Parts of the standard library that the client cannot reach: other programs, graphics, other
# databases. A list of what goes is safer than a list of what stays: a module that is imported
# only on a bad day is still there.
UNNEEDED = [
    "__phello__",
    "_pyrepl",
    "asyncio/windows_events.py",
    "bdb.py",
    "cProfile.py",
    "cgi.py",
    "cgitb.py",
    "code.py",
    "codeop.py",
    "config-3*",
    "curses",
    "dbm",
    "distutils",
    "doctest.py",
    "ensurepip",
    "idlelib",
    "imaplib.py",
    "lib2to3",
    "mailbox.py",
    "multiprocessing",
    "nntplib.py",
    "pdb.py",
    "pickletools.py",
    "poplib.py",
    "profile.py",
    "pstats.py",
    "pyclbr.py",
    "pydoc.py",
    "pydoc_data",
    "smtplib.py",
    "sqlite3",
    "tabnanny.py",
    "test",
    "this.py",
    "tkinter",
    "trace.py",
    "turtle.py",
    "turtledemo",
    "unittest",
    "venv",
    "wsgiref",
    "xmlrpc",
    "zipapp.py",
    "lib-dynload/_crypt.*",
    "lib-dynload/_curses*",
    "lib-dynload/_dbm.*",
    "lib-dynload/_gdbm.*",
    "lib-dynload/_sqlite3.*",
    "lib-dynload/_test*",
    "lib-dynload/_tkinter.*",
    "lib-dynload/_xx*",
    "lib-dynload/_ctypes_test.*",
    "lib-dynload/nis.*",
    "lib-dynload/ossaudiodev.*",
    "lib-dynload/readline.*",
    "lib-dynload/xx*",
]
# rich and pygments colour help texts, which this client prints plainly. Of cffi, which libsodium's
# binding was compiled with, only the binary is loaded. PyYAML reads a fleet file without libyaml.
UNNEEDED_PACKAGES = (
    "bin",
    "cffi",
    "markdown_it*",
    "mdurl*",
    "pycparser*",
    "pygments*",
    "rich*",
    "_yaml",
    "yaml/_yaml*",
)
# What the launcher is linked with, and so contains.
STATIC_LIBRARY = Path("/usr/lib", f"{os.uname().machine}-linux-musl", "libc.a")
LAUNCHER = Path("/usr/bin/signotaur-action")
LOADER_FOLDERS = ("lib", "lib64")
STDLIB = Path(sysconfig.get_path("stdlib"))
SITE_FOLDER = Path("/usr/local/lib", f"python{sysconfig.get_python_version()}", "dist-packages")


def gather(site: Path, launcher: Path, target: Path) -> None:
    """Fill TARGET."""
    _skeleton(target)
    python = Path(sys.executable).resolve()
    stdlib = _copied(STDLIB, target)
    for pattern in UNNEEDED:
        for path in stdlib.glob(pattern):
            _remove(path)
    packages = _copied(site, target, SITE_FOLDER)
    for pattern in (*UNNEEDED_PACKAGES, "*/tests", "*/.*"):
        for path in packages.glob(pattern):
            _remove(path)
    binary = _copied(python, target)
    (binary.parent / "python3").symlink_to(binary.name)
    _copied(launcher, target, LAUNCHER)
    libraries = _libraries([python, *stdlib.rglob("*.so"), *packages.rglob("*.so")])
    for library in libraries:
        _copied(library, target, _merged(library))
    kept = [path for path in stdlib.rglob("*") if path.is_file()]
    from_debian = [python, STATIC_LIBRARY, *libraries]
    from_debian += ["/" / path.relative_to(target) for path in kept]
    _record_packages(from_debian, target)
    for folder in (stdlib, packages):
        _compile(folder, target)
    _fix_times(target)


def _copied(source: Path, target: Path, place: Path | None = None) -> Path:
    copy = target / (place or source).relative_to("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, copy)
    return copy


def _merged(path: Path) -> Path:
    """Return a path below /usr: /lib and /lib64 are links to there, in Debian and here."""
    return Path("/usr", *path.parts[1:]) if path.parts[1] in LOADER_FOLDERS else path


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _libraries(binaries: list[Path]) -> set[Path]:
    """Return the shared libraries that these files load, the loader among them."""
    found = set()
    for binary in binaries:
        listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
        for word in listed.stdout.split():
            if word.startswith("/") and Path(word).exists():
                found.add(Path(word))
    return found


def _record_packages(files: list[Path], target: Path) -> None:
    """Record the Debian packages of these files, and their licences, as distroless images do."""
    paths = sorted({str(_merged(file).resolve()) for file in files})
    # Some belong to nobody, like what a package's script wrote: then the code is not 0.
    found = subprocess.run(
        ["dpkg-query", "--search", *paths], capture_output=True, text=True, check=False
    )
    owners = {line.partition(": ")[0] for line in found.stdout.splitlines()}
    records = target / "var/lib/dpkg/status.d"
    records.mkdir(parents=True)
    for owner in sorted(owners):
        name = owner.partition(":")[0]
        status = subprocess.run(["dpkg-query", "--status", owner], capture_output=True, check=True)
        (records / name).write_bytes(status.stdout)
        _copied(Path("/usr/share/doc", name, "copyright"), target)
    _copied(Path("/usr/lib/os-release"), target)
    (target / "etc/os-release").symlink_to("../usr/lib/os-release")


def _skeleton(target: Path) -> None:
    for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("proc", 0o555), ("dev", 0o755)):
        (target / folder).mkdir(parents=True)
        (target / folder).chmod(mode)
    for folder in LOADER_FOLDERS:
        (target / "usr" / folder).mkdir(parents=True)
        (target / folder).symlink_to(f"usr/{folder}")
    # Enough for a name behind uid 0, and for looking host names up.
    (target / "etc/passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\n")
    (target / "etc/group").write_text("root:x:0:\n")
    (target / "etc/nsswitch.conf").write_text("hosts: files dns\n")


def _compile(folder: Path, target: Path) -> None:
    """Replace every source by its byte code, named as in the image and never checked again."""
    done = compileall.compile_dir(
        folder,
        quiet=1,
        legacy=True,
        stripdir=str(target),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit(f"{folder} does not compile")
    for source in folder.rglob("*.py"):
        source.unlink()


def _fix_times(target: Path) -> None:
    for path in [target, *target.rglob("*")]:
        os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    gather(*map(Path, sys.argv[1:]))
