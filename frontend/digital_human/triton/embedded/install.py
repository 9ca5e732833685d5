"""Finds the Triton inside the nvidia-pytriton wheel and prepares it for the running Python.

The server runs models through *backends*. They are set up in a private folder for each run:

    python/         the wheel's python backend, with the stub built for this Python version
    onnxruntime/    this project's backend, in Python
    env/            a virtual environment that points at the packages of this Python

The stub embeds an isolated Python: it ignores PYTHONPATH and PYTHONHOME and finds its packages only through the
`pyvenv.cfg` beside the first `python3` on PATH, which is that of `env/`.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import site
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from digital_human.errors import UnavailableError
from digital_human.triton.embedded.ports import HOST

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{PYTHON}.so.1.0"
SHARED_PYTHON_FIX = (
    f"use a Python that was built with a shared library: install the package libpython{PYTHON} of your distribution, "
    f"or take one from `uv python install {PYTHON}` or from conda"
)

# Memory of a batch is freed after it. By default glibc returns it to the kernel, and the next batch pays page faults.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(8 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20)}


class Check(NamedTuple):
    """One line of `digital-human doctor`. `fix` says what to do if `ok` is False."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Runtime:
    """Paths of the embedded server's parts."""

    server: Path
    libraries: Path
    python_backend: Path
    stub: Path
    libpython: Path

    def environment(self, folder: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Environment variables of the server. folder: the one given to `prepare`."""
        libraries = [str(self.libraries), str(self.libpython.parent), base.get("LD_LIBRARY_PATH", "")]
        path = [str(folder / "env" / "bin"), base.get("PATH", os.defpath)]
        # Otherwise Triton would report models on the GPU that run on the CPU.
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if why_not_on_gpu(onnxruntimes()) else {}
        return {
            **_ALLOCATOR,
            **base,
            **hidden,
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            "PATH": os.pathsep.join(path),
        }

    def command(
        self,
        repository: Path,
        models: Sequence[str],
        backends: Path,
        ports: tuple[int, int, int],
        shm_prefix: str,
    ) -> list[str]:
        """Command line of the server. Everything listens on the loopback interface only.

        models: names of the models to load at the start
        ports: HTTP, gRPC (both may be reserved with SO_REUSEPORT) and metrics
        """
        command = [
            str(self.server),
            f"--model-repository={repository}",
            f"--backend-directory={backends}",
            # The operator may load and replace models later.
            "--model-control-mode=explicit",
            # Completing configurations would start a process per model, which takes a second.
            "--disable-auto-complete-config",
            *(f"--load-model={name}" for name in models),
            # All side by side: of Triton's four threads, the largest model would wait for one.
            f"--model-load-thread-count={max(4, len(models))}",
            # A model that does not load is reported by name instead of ending the server.
            "--exit-on-error=false",
            "--exit-timeout-secs=3",
            f"--http-address={HOST}",
            f"--http-port={ports[0]}",
            "--reuse-http-port=true",
            f"--grpc-address={HOST}",
            f"--grpc-port={ports[1]}",
            "--reuse-grpc-port=true",
            f"--metrics-address={HOST}",
            f"--metrics-port={ports[2]}",
            f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
            "--backend-config=python,stub-timeout-seconds=120",
        ]
        if not Path("/dev/nvidiactl").exists():
            command += ["--allow-gpu-metrics=false", "--pinned-memory-pool-byte-size=0"]
        return command

    def prepare(self, folder: Path, onnxruntime_backend: Path) -> Path:
        """Set up the empty `folder` as described above. Returns the folder for --backend-directory."""
        backends = folder / "backends"
        # Copies, since Triton refuses a library behind a link that leaves the backend's folder.
        shutil.copytree(self.python_backend, backends / "python", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(self.stub, backends / "python")
        shutil.copytree(onnxruntime_backend, backends / "onnxruntime", ignore=shutil.ignore_patterns("__pycache__"))
        environment = folder / "env"
        packages = environment / "lib" / f"python{PYTHON}" / "site-packages"
        packages.mkdir(parents=True)
        (environment / "bin").mkdir()
        python = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
        (environment / "bin" / "python3").symlink_to(python)
        (environment / "pyvenv.cfg").write_text(
            f"home = {python.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
        )
        (packages / "host.pth").write_text("\n".join(_package_folders()) + "\n", encoding="utf-8")
        return backends


def find() -> Runtime:
    """Locate all parts.

    Raises UnavailableError that names the first missing part and how to fix it.
    """
    for check in checks():
        if not check.ok:
            raise UnavailableError("triton_cannot_run", problem=check.detail, fix=check.fix)
    root = _pytriton()
    libpython = _libpython()
    assert root is not None and libpython is not None
    return Runtime(
        server=root / "tritonserver" / "bin" / "tritonserver",
        libraries=root.parent / "nvidia_pytriton.libs",
        python_backend=root / "tritonserver" / "backends" / "python",
        stub=_stub(root),
        libpython=libpython,
    )


def checks() -> list[Check]:
    """Check, part by part, whether the embedded server can run on this machine. Nothing is started."""
    machine = f"{platform.system()} {platform.machine()}"
    results = [
        Check(
            "platform",
            machine == "Linux x86_64",
            machine,
            "the embedded server exists for Linux on x86-64 only; set TRITON_URL to a server elsewhere",
        )
    ]
    root = _pytriton()
    server = root / "tritonserver" / "bin" / "tritonserver" if root else None
    found = server is not None and server.exists()
    results.append(
        Check(
            "Triton server",
            found,
            f"{server}" if found else "the wheel nvidia-pytriton is not installed, or not whole",
            "pip install nvidia-pytriton==0.7.0, or set TRITON_URL to a server elsewhere",
        )
    )
    has_stub = root is not None and _stub(root).exists()
    results.append(
        Check(
            "Python version",
            has_stub,
            f"Python {PYTHON}" if has_stub else f"Triton's python backend has no part for Python {PYTHON}",
            "use Python 3.10, 3.11 or 3.12",
        )
    )
    libpython = _libpython()
    results.append(
        Check(
            "libpython",
            libpython is not None,
            str(libpython) if libpython else f"this Python has no shared library {LIBPYTHON}",
            SHARED_PYTHON_FIX,
        )
    )
    folder = tempfile.gettempdir()
    may_run = not os.statvfs(folder).f_flag & os.ST_NOEXEC
    results.append(
        Check(
            "temporary folder",
            may_run,
            folder if may_run else f"{folder}, from which Triton runs its backends, is mounted noexec",
            "mount it exec (tmpfs: [/tmp:exec], or --tmpfs /tmp:exec), or set TMPDIR to a folder that is",
        )
    )
    # Located without importing: the service never loads a network runtime.
    known = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    installed = [known[name] for name in known if importlib.util.find_spec(name)]
    results.append(
        Check(
            "network runtimes",
            bool(installed),
            " and ".join(installed) or "neither OpenVINO nor ONNX Runtime is installed",
            "pip install openvino",
        )
    )
    return results


def onnxruntimes() -> set[str]:
    """The installed ones of the two distributions that contain the package `onnxruntime`."""
    found = set()
    for name in ("onnxruntime", "onnxruntime-gpu"):
        with suppress(PackageNotFoundError):
            found.add(distribution(name).name)
    return found


def why_not_on_gpu(distributions: Collection[str]) -> str:
    """Why the embedded server does not use a GPU that is there; empty if it does.

    distributions: see `onnxruntimes`
    """
    if "onnxruntime-gpu" not in distributions:
        return "onnxruntime-gpu is not installed, so the networks run on the CPU"
    if "onnxruntime" in distributions:
        return "onnxruntime and onnxruntime-gpu are both installed, and overwrite each other"
    return ""


def _pytriton() -> Path | None:
    # Located without importing: the package starts threads and changes logging on import.
    spec = importlib.util.find_spec("pytriton")
    return Path(spec.origin).parent if spec and spec.origin else None


def _stub(root: Path) -> Path:
    return root / "tritonserver" / "python_backend_stubs" / PYTHON / "triton_python_backend_stub"


def _libpython() -> Path | None:
    libdir = sysconfig.get_config_var("LIBDIR") or ""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    folders = [
        Path(sys.base_prefix, "lib"),
        Path(libdir),
        Path(libdir, multiarch),
        Path("/usr/lib", multiarch),
        Path("/usr/lib64"),
        Path("/usr/local/lib"),
    ]
    return next((folder / LIBPYTHON for folder in folders if (folder / LIBPYTHON).exists()), None)


def _package_folders() -> list[str]:
    """This process's folders of installed packages, in the order of sys.path."""
    known = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        known.add(site.getusersitepackages())
    # Path configuration files (.pth) may add others, e.g. an environment that borrows another one's packages.
    return [entry for entry in sys.path if entry in known or Path(entry).name in ("site-packages", "dist-packages")]
