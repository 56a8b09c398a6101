"""Windows: asks the system which drives there are, and a drive what it is."""

import ctypes
import os
import string
import sys
from ctypes import wintypes
from dataclasses import replace

from .model import MediumKind, Volume
from .windows import Drive, DriveTable, DriveType, kind_of

assert sys.platform == "win32"  # lets mypy look at it there alone

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_network = ctypes.WinDLL("mpr")
_kernel.CreateFileW.restype = wintypes.HANDLE
_kernel.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel.DeviceIoControl.argtypes = [
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.LPDWORD,
    wintypes.LPVOID,
]

_QUIET = 1
"""SEM_FAILCRITICALERRORS: no window that asks for a disc."""
_SHARED, _OPEN_EXISTING = 3, 3
_NO_HANDLE = wintypes.HANDLE(-1).value
_QUERY_PROPERTY = 0x2D1400
"""IOCTL_STORAGE_QUERY_PROPERTY; all zeros ask for STORAGE_DEVICE_DESCRIPTOR, whose eighth number is the bus."""
_DONE, _NOT_CONNECTED = 0, 1201
"""What WNetGetConnectionW returns; a drive that is not connected now keeps its name."""


def read_table() -> DriveTable:
    """Return which drives there are now."""
    letters = _kernel.GetLogicalDrives()
    roots = [f"{letter}:\\" for number, letter in enumerate(string.ascii_uppercase) if letters >> number & 1]
    return DriveTable(roots, _ask)


def _ask(root: str) -> Drive:
    kind = _kernel.GetDriveTypeW(root)
    if kind == DriveType.REMOTE:
        return Drive(root, kind, remote=_ask_share(root))
    drive = Drive(root, kind, bus=_ask_bus(root) if kind == DriveType.FIXED else 0)
    if kind_of(drive) is MediumKind.COMPUTER:
        return drive
    mode = wintypes.DWORD()
    _kernel.SetThreadErrorMode(_QUIET, ctypes.byref(mode))
    try:
        return replace(drive, volume=_ask_volume(root))
    finally:
        _kernel.SetThreadErrorMode(mode.value, None)


def _ask_share(root: str) -> str:
    name = ctypes.create_unicode_buffer(1024)
    size = wintypes.DWORD(len(name))
    done = _network.WNetGetConnectionW(root[:2], name, ctypes.byref(size))
    return name.value if done in (_DONE, _NOT_CONNECTED) else ""


def _ask_volume(root: str) -> Volume | None:
    label, kind = ctypes.create_unicode_buffer(261), ctypes.create_unicode_buffer(261)
    serial, longest, flags = wintypes.DWORD(), wintypes.DWORD(), wintypes.DWORD()
    done = _kernel.GetVolumeInformationW(
        root, label, len(label), ctypes.byref(serial), ctypes.byref(longest), ctypes.byref(flags), kind, len(kind)
    )
    if not done:
        return None
    size = ctypes.c_ulonglong()
    _kernel.GetDiskFreeSpaceExW(root, None, ctypes.byref(size), None)
    try:
        times: tuple[int, ...] = (os.stat(root).st_mtime_ns,)  # noqa: PTH116
    except OSError:
        times = ()
    return Volume(kind.value, f"{serial.value:08x}" if serial.value else "", label.value, size.value, times)


def _ask_bus(root: str) -> int:
    device = _kernel.CreateFileW(f"\\\\.\\{root[:2]}", 0, _SHARED, None, _OPEN_EXISTING, 0, None)
    if device == _NO_HANDLE:
        return 0
    query, answer, size = (wintypes.DWORD * 3)(), (wintypes.DWORD * 64)(), wintypes.DWORD()
    done = _kernel.DeviceIoControl(
        device,
        _QUERY_PROPERTY,
        ctypes.byref(query),
        ctypes.sizeof(query),
        ctypes.byref(answer),
        ctypes.sizeof(answer),
        ctypes.byref(size),
        None,
    )
    _kernel.CloseHandle(device)
    return answer[7] if done else 0
