"""An aarch64 Python with tflite-runtime under qemu-user, from Debian and the registry.

Nothing is installed: packages are downloaded for the other architecture and unpacked
into a folder. Milliseconds of an emulator mean nothing; what it computes does.
"""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = """python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 zlib1g
    libexpat1 libssl3 libffi8 libbz2-1.0 liblzma5 libgcc-s1 libstdc++6 libuuid1"""
WHEELS = ("tflite-runtime==2.14.0", "numpy==1.26.4")


def make(folder: Path) -> list[str]:
    """Download and unpack; the command that starts the foreign Python.

    Raises:
        subprocess.CalledProcessError: If Debian or the registry cannot be reached.
    """
    debs, root, wheels, own = (folder / part for part in ("debs", "root", "whl", "own"))
    for path in (debs, root, wheels, own):
        path.mkdir()
    _apt(folder, "update")
    _apt(folder, "download", *PACKAGES.split(), cwd=debs)
    _run("apt-get", "download", "qemu-user-static", cwd=own)
    for deb in debs.glob("*.deb"):
        _run("dpkg", "-x", deb, root)
    _run("dpkg", "-x", *own.glob("*.deb"), own)
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
        *("--only-binary=:all:", "--platform", "manylinux_2_34_aarch64"),
        *("--platform", "manylinux_2_17_aarch64", "--python-version", "3.11"),
        *("--target", wheels, *WHEELS),
    )
    return [
        str(own / "usr/bin/qemu-aarch64-static"),
        *("-L", str(root), "-E", f"PYTHONHOME={root}/usr"),
        *("-E", f"PYTHONPATH={wheels}", f"{root}/usr/bin/python3.11"),
    ]


def _apt(folder: Path, *words: str, cwd: Path | None = None) -> None:
    """apt-get for arm64, with lists and cache of its own."""
    (folder / "state/lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    (folder / "state/status").touch()
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "Debug::NoLocking": "1",
    }
    flags = [
        word for key, value in options.items() for word in ("-o", f"{key}={value}")
    ]
    _run("apt-get", *flags, *words, cwd=cwd)


def _run(*words: object, cwd: Path | None = None) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [str(word) for word in words]
    subprocess.run(command, check=True, cwd=cwd, env=quiet, capture_output=True)
