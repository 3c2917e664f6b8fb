"""The one place where Keras' backend is chosen, before the first import of Keras.

Everything here must be called before `keras`, `tensorflow` or `jax` is imported by the process.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from gantk.errors import PluginError, RunFailed

BackendName = Literal["tensorflow", "jax"]

_START_UP_NOTES = (
    "absl::InitializeLog()",
    "oneDNN custom operations are on",
    "cpu_feature_guard",
    "rebuild TensorFlow",
)
_NO_GPU_NOTES = ("Could not find cuda drivers", "failed call to cuInit")
_NVIDIA_DRIVER = Path("/proc/driver/nvidia")

_PACKAGES: tuple[BackendName, ...] = ("tensorflow", "jax")


def choose_backend(
    backend: Literal["auto", "tensorflow", "jax"] = "auto",
    *,
    threads: int | None = None,
    deterministic: bool = False,
    host_devices: int | None = None,
) -> BackendName:
    """Choose Keras' backend, set it up and import Keras.

    Args:
        backend: `auto` takes the environment's KERAS_BACKEND, else TensorFlow where it is installed, else JAX.
        threads: Threads for the arithmetic of one operation; by default one for each core.
        deterministic: Choose only algorithms whose result is the same bit for bit at every run. On a CPU this
            costs little; on a GPU it may be slow, and an operation without such an algorithm is an error.
        host_devices: Make the CPU look like this many devices (JAX), to try data parallelism.

    Returns:
        The backend in use.

    Raises:
        PluginError: The backend is not installed.
        RunFailed: Keras was imported before with another backend; or KERAS_BACKEND names one that gantk does not know.
    """
    chosen = resolve_backend(backend)
    loaded = sys.modules.get("keras")
    if loaded is not None and loaded.backend.backend() != chosen:
        raise RunFailed(
            f"The backend must be chosen before Keras is imported, and this process has imported it with "
            f"{loaded.backend.backend()!r}.\nReceived: {chosen!r}",
            hint=f"Start a new process, with KERAS_BACKEND={chosen} in its environment.",
        )
    os.environ["KERAS_BACKEND"] = chosen
    if chosen == "tensorflow":
        _set_up_tensorflow(threads, deterministic)
    else:
        _set_up_jax(threads, deterministic, host_devices)
    import keras

    return keras.backend.backend()


def resolve_backend(backend: Literal["auto", "tensorflow", "jax"] = "auto") -> BackendName:
    """Say which backend `choose_backend` would take, importing nothing.

    Raises:
        PluginError: It is not installed.
        RunFailed: KERAS_BACKEND names a backend that gantk does not know.
    """
    wanted: str = backend
    if backend == "auto":
        wanted = os.environ.get("KERAS_BACKEND", "")
        if not wanted:
            wanted = next((name for name in _PACKAGES if _installed(name)), "")
        if not wanted:
            raise PluginError(
                "Training needs TensorFlow or JAX.\nReceived: an environment with neither",
                hint="Install one: pip install tensorflow, or pip install 'gantk[jax]'.",
            )
    for name in _PACKAGES:
        if wanted == name:
            if not _installed(name):
                raise PluginError(
                    f"The backend {name!r} is not installed.\nReceived: backend {backend!r}",
                    hint=f"pip install {'tensorflow' if name == 'tensorflow' else repr('gantk[jax]')}, or choose another backend.",
                )
            return name
    raise RunFailed(
        f"The backend must be one of {', '.join(_PACKAGES)}.\nReceived: KERAS_BACKEND={wanted!r}",
        hint="Unset KERAS_BACKEND or set it to one of them.",
    )


def accelerator() -> Literal["cpu", "gpu", "tpu"]:
    """Say what the chosen backend computes on."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        platform = jax.default_backend()
        return platform if platform in ("gpu", "tpu") else "cpu"
    import tensorflow as tf

    for kind, name in (("TPU", "tpu"), ("GPU", "gpu")):
        if tf.config.list_physical_devices(kind):
            return name  # type: ignore[return-value]
    return "cpu"


def use_jit(jit: Literal["auto"] | bool) -> bool:
    """Say whether the training step is compiled with XLA.

    JAX always is. On a CPU TensorFlow's graph runs convolutions faster than XLA does (ResNet generator, 128²:
    225 against 300 ms a step), so `auto` means XLA on GPU and TPU only.
    """
    import keras

    if keras.backend.backend() == "jax":
        return True
    return accelerator() != "cpu" if jit == "auto" else jit


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _set_up_tensorflow(threads: int | None, deterministic: bool) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_start_up_notes():
        import tensorflow as tf

        # Looking for devices here puts what CUDA says of it among the notes.
        tf.config.list_physical_devices()

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if threads is not None:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError as error:
            raise RunFailed(
                f"Threads must be set before TensorFlow has run anything.\nReceived: threads={threads}",
                hint="Start a new process.",
            ) from error
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextmanager
def _without_start_up_notes() -> Iterator[None]:
    """Keep TensorFlow's notes about the processor off stderr; every other line is shown after the import.

    Its C++ side writes them to the file descriptor before any setting of its log level is read.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines(keepends=True)
            # With a driver there, CUDA's complaints are news; without one they only say that there is no GPU.
            notes = _START_UP_NOTES if _NVIDIA_DRIVER.exists() else (*_START_UP_NOTES, *_NO_GPU_NOTES)
            sys.stderr.write("".join(line for line in lines if not any(note in line for note in notes)))


def _set_up_jax(threads: int | None, deterministic: bool, host_devices: int | None) -> None:
    flags = os.environ.get("XLA_FLAGS", "").split()
    if host_devices is not None:
        flags = [flag for flag in flags if not flag.startswith("--xla_force_host_platform_device_count=")]
        flags.append(f"--xla_force_host_platform_device_count={host_devices}")
    if deterministic:
        flags.append("--xla_gpu_deterministic_ops=true")
    if flags:
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys(flags))
    if threads is not None:
        # The size of XLA's thread pool on the CPU.
        os.environ["NPROC"] = str(threads)
