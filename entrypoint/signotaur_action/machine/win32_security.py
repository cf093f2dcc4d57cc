"""Users and their rights on Windows: SIDs, and lists of rights in SDDL."""

import ctypes
import sys
from ctypes import wintypes

if sys.platform != "win32":  # for mypy, which reads this file for every system
    raise ImportError("this is not Windows")

TOKEN_USER, TOKEN_OWNER = 1, 4
_TOKEN_QUERY = 8
_OWNER_INFORMATION, _RIGHTS_INFORMATION = 1, 4
_PROTECTED_RIGHTS = 0x80000000
_SDDL_REVISION = 1

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_library = ctypes.WinDLL("advapi32", use_last_error=True)

_HANDLE, _DWORD, _POINTER = wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p
_TO_POINTER, _TO_DWORD = ctypes.POINTER(_POINTER), ctypes.POINTER(_DWORD)
_TO_DESCRIPTOR = _library.ConvertStringSecurityDescriptorToSecurityDescriptorW
_TO_DESCRIPTOR.argtypes = [wintypes.LPCWSTR, _DWORD, _TO_POINTER, _TO_DWORD]
_TO_TEXT = _library.ConvertSecurityDescriptorToStringSecurityDescriptorW
_TO_TEXT.argtypes = [_POINTER, _DWORD, _DWORD, _TO_POINTER, _TO_DWORD]
_library.ConvertSidToStringSidW.argtypes = [_POINTER, _TO_POINTER]
_library.GetKernelObjectSecurity.argtypes = [_HANDLE, _DWORD, _POINTER, _DWORD, _TO_DWORD]
_library.SetKernelObjectSecurity.argtypes = [_HANDLE, _DWORD, _POINTER]
_library.GetSecurityDescriptorOwner.argtypes = [_POINTER, _TO_POINTER, _POINTER]
_library.OpenProcessToken.argtypes = [_HANDLE, _DWORD, ctypes.POINTER(_HANDLE)]
_library.GetTokenInformation.argtypes = [_HANDLE, ctypes.c_int, _POINTER, _DWORD, _TO_DWORD]
_kernel.GetCurrentProcess.restype = _HANDLE
_kernel.CloseHandle.argtypes = [_HANDLE]
_kernel.LocalFree.argtypes = [_POINTER]
_kernel.LocalFree.restype = _POINTER


def require_success(done: object) -> None:
    """Raise the system's last error, an OSError, if a call failed."""
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())


class Descriptor:
    """A security descriptor of the system, made from SDDL. Use it as a context manager."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pointer = _POINTER()

    def __enter__(self) -> ctypes.c_void_p:
        require_success(
            _TO_DESCRIPTOR(self._text, _SDDL_REVISION, ctypes.byref(self._pointer), None)
        )
        return self._pointer

    def __exit__(self, *_: object) -> None:
        _kernel.LocalFree(self._pointer)


def token_sid(kind: int) -> str:
    """Return the SID of this process's user, or of who owns what it makes."""
    token = _HANDLE()
    require_success(
        _library.OpenProcessToken(_kernel.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token))
    )
    try:
        size = _DWORD()
        _library.GetTokenInformation(token, kind, None, 0, ctypes.byref(size))
        found = ctypes.create_string_buffer(max(ctypes.sizeof(_POINTER), size.value))
        require_success(_library.GetTokenInformation(token, kind, found, size, ctypes.byref(size)))
    finally:
        _kernel.CloseHandle(token)
    # Both begin with a pointer to the SID, which follows in the same buffer.
    return _sid(_POINTER.from_buffer(found))


def owner(handle: int) -> str:
    """Return the SID of a file's owner."""
    found = _security(handle, _OWNER_INFORMATION)
    sid, is_default = _POINTER(), wintypes.BOOL()
    require_success(
        _library.GetSecurityDescriptorOwner(found, ctypes.byref(sid), ctypes.byref(is_default))
    )
    return _sid(sid)


def rights(handle: int) -> str:
    """Return a file's list of rights, in SDDL, as the system writes it."""
    return _written(_security(handle, _RIGHTS_INFORMATION))


def set_rights(handle: int, text: str) -> None:
    """Give a file this list of rights, and no inherited ones."""
    with Descriptor(text) as descriptor:
        require_success(
            _library.SetKernelObjectSecurity(
                handle, _RIGHTS_INFORMATION | _PROTECTED_RIGHTS, descriptor
            )
        )


def normal(text: str) -> str:
    """Return a list of rights, in SDDL, as the system writes it."""
    with Descriptor(text) as descriptor:
        return _written(descriptor)


def _security(handle: int, what: int) -> "ctypes.Array[ctypes.c_char]":
    size = _DWORD()
    _library.GetKernelObjectSecurity(handle, what, None, 0, ctypes.byref(size))
    found = ctypes.create_string_buffer(max(1, size.value))
    require_success(_library.GetKernelObjectSecurity(handle, what, found, size, ctypes.byref(size)))
    return found


def _written(descriptor: object) -> str:
    text = _POINTER()
    require_success(
        _TO_TEXT(descriptor, _SDDL_REVISION, _RIGHTS_INFORMATION, ctypes.byref(text), None),
    )
    return _taken(text)


def _sid(sid: ctypes.c_void_p) -> str:
    text = _POINTER()
    require_success(_library.ConvertSidToStringSidW(sid, ctypes.byref(text)))
    return _taken(text)


def _taken(text: ctypes.c_void_p) -> str:
    """Return a text that the system allocated, and free it."""
    try:
        return ctypes.wstring_at(text.value or 0)
    finally:
        _kernel.LocalFree(text)
