"""The system calls of Windows that Python's library lacks. No decisions are made here."""

import ctypes
import msvcrt
import os
import signal
import subprocess
import sys
from ctypes import wintypes
from pathlib import Path

from signotaur_action.machine import win32_security as security

if sys.platform != "win32":  # for mypy, which reads this file for every system
    raise ImportError("this is not Windows")

_READ, _WRITE = 0x80000000, 0x40000000
_ACCESS = {os.O_RDONLY: _READ, os.O_WRONLY: _WRITE, os.O_RDWR: _READ | _WRITE}
_READ_ATTRIBUTES, _DELETE, _READ_CONTROL, _WRITE_DAC = 0x80, 0x10000, 0x20000, 0x40000
_SHARE_READ_WRITE, _SHARE_ALL = 3, 7
_CREATE_NEW, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 3, 4
_CREATION = {True: _CREATE_NEW, False: _OPEN_EXISTING, None: _OPEN_ALWAYS}
_OPEN_REPARSE_POINT, _NORMAL = 0x00200000, 0x80
_INVALID_HANDLE = ctypes.c_void_p(-1).value
_REPLACE_EXISTING, _WRITE_THROUGH = 1, 8
_FAIL_IMMEDIATELY, _EXCLUSIVE = 1, 2
_LONGEST_PATH = 32767


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("is_inherited", wintypes.BOOL),
    )


class _Overlapped(ctypes.Structure):
    _fields_ = (
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", wintypes.HANDLE),
    )


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_TEXT, _DWORD, _HANDLE = wintypes.LPCWSTR, wintypes.DWORD, wintypes.HANDLE
_ATTRIBUTES = ctypes.POINTER(_SecurityAttributes)
_kernel.CreateFileW.argtypes = [_TEXT, _DWORD, _DWORD, _ATTRIBUTES, _DWORD, _DWORD, _HANDLE]
_kernel.CreateFileW.restype = _HANDLE
_kernel.CloseHandle.argtypes = [_HANDLE]
_kernel.LockFileEx.argtypes = [
    *(_HANDLE, _DWORD, _DWORD, _DWORD, _DWORD),
    ctypes.POINTER(_Overlapped),
]
_kernel.MoveFileExW.argtypes = [_TEXT, _TEXT, _DWORD]
_kernel.ReplaceFileW.argtypes = [_TEXT, _TEXT, _TEXT, _DWORD, ctypes.c_void_p, ctypes.c_void_p]
_kernel.GetSystemDirectoryW.argtypes = [wintypes.LPWSTR, wintypes.UINT]


class Win32:
    """See ``windows_calls.Calls``."""

    terminations = (signal.SIGTERM, signal.SIGBREAK)
    open_flags = os.O_BINARY | os.O_NOINHERIT

    def user(self) -> str:
        """See ``windows_calls.Calls``."""
        return security.token_sid(security.TOKEN_USER)

    def default_owner(self) -> str:
        """See ``windows_calls.Calls``."""
        return security.token_sid(security.TOKEN_OWNER)

    def open(self, path: Path, access: int, rights: str, *, new: bool | None) -> int:
        """See ``windows_calls.Calls``."""
        wanted = _ACCESS[access] | _READ_ATTRIBUTES | _READ_CONTROL
        if not rights:
            return _as_descriptor(_opened(path, wanted, _SHARE_READ_WRITE, None, _CREATION[new]))
        with security.Descriptor(rights) as descriptor:
            attributes = _SecurityAttributes(
                ctypes.sizeof(_SecurityAttributes), descriptor.value, is_inherited=False
            )
            return _as_descriptor(
                _opened(path, wanted | _WRITE_DAC, _SHARE_READ_WRITE, attributes, _CREATION[new])
            )

    def require_removable(self, path: Path) -> None:
        """See ``windows_calls.Calls``."""
        _kernel.CloseHandle(_opened(path, _DELETE, _SHARE_ALL, None, _OPEN_EXISTING))

    def owner(self, path: Path) -> str:
        """See ``windows_calls.Calls``."""
        handle = _opened(path, _READ_CONTROL, _SHARE_ALL, None, _OPEN_EXISTING)
        try:
            return security.owner(handle)
        finally:
            _kernel.CloseHandle(handle)

    def owner_of(self, descriptor: int) -> str:
        """See ``windows_calls.Calls``."""
        return security.owner(msvcrt.get_osfhandle(descriptor))

    def rights_of(self, descriptor: int) -> str:
        """See ``windows_calls.Calls``."""
        return security.rights(msvcrt.get_osfhandle(descriptor))

    def set_rights(self, descriptor: int, rights: str) -> None:
        """See ``windows_calls.Calls``."""
        security.set_rights(msvcrt.get_osfhandle(descriptor), rights)

    def normal(self, rights: str) -> str:
        """See ``windows_calls.Calls``."""
        return security.normal(rights)

    def lock(self, descriptor: int, offset: int) -> None:
        """See ``windows_calls.Calls``."""
        place = _Overlapped(offset=offset & 0xFFFFFFFF, offset_high=offset >> 32)
        security.require_success(
            _kernel.LockFileEx(
                msvcrt.get_osfhandle(descriptor),
                _FAIL_IMMEDIATELY | _EXCLUSIVE,
                *(0, 1, 0),
                ctypes.byref(place),
            )
        )

    def move(self, source: Path, target: Path) -> None:
        """See ``windows_calls.Calls``."""
        how = _REPLACE_EXISTING | _WRITE_THROUGH
        security.require_success(_kernel.MoveFileExW(str(source), str(target), how))

    def replace(self, copy: Path, file: Path) -> None:
        """See ``windows_calls.Calls``."""
        security.require_success(_kernel.ReplaceFileW(str(file), str(copy), None, 0, None, None))

    def disable_core_dumps(self) -> None:
        """See ``windows_calls.Calls``."""
        msvcrt.SetErrorMode(
            msvcrt.SEM_FAILCRITICALERRORS
            | msvcrt.SEM_NOGPFAULTERRORBOX
            | msvcrt.SEM_NOOPENFILEERRORBOX
        )

    def end_tree(self, pid: int) -> None:
        """See ``windows_calls.Calls``."""
        folder = ctypes.create_unicode_buffer(_LONGEST_PATH)
        security.require_success(_kernel.GetSystemDirectoryW(folder, _LONGEST_PATH))
        subprocess.run(  # noqa: S603 - a program of the system, by its whole path
            [str(Path(folder.value, "taskkill.exe")), "/T", "/F", "/PID", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def _opened(
    path: Path, access: int, share: int, attributes: _SecurityAttributes | None, creation: int
) -> int:
    """Return a handle of a file; of a link, of the link itself."""
    handle: int | None = _kernel.CreateFileW(
        str(path),
        *(access, share),
        None if attributes is None else ctypes.byref(attributes),
        *(creation, _NORMAL | _OPEN_REPARSE_POINT),
        None,
    )
    security.require_success(handle != _INVALID_HANDLE)
    return handle or 0


def _as_descriptor(handle: int) -> int:
    try:
        return msvcrt.open_osfhandle(handle, Win32.open_flags)
    except OSError:
        _kernel.CloseHandle(handle)
        raise
