"""What a consumer may be run in: a full disk, a wall clock that jumps."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["full_disk", "jumping_clock"]

_FULL_KIB = 96
_LONGEST_JUMP_S = 3 * 3600


def full_disk(folder: Path) -> Sequence[str]:
    """A launcher whose program finds ``folder`` on a file system of 96 KiB of its own, which goes when it ends.

    Where no such one may be mounted, no file of the program may grow beyond that (EFBIG in the place of ENOSPC).
    """
    mounted = f'mount -t tmpfs -o size={_FULL_KIB}k tmpfs "{folder}" && exec "$@"'
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        launcher = [*unshare, "sh", "-c", mounted, "sh"]
        tried = shutil.which("unshare") and subprocess.run([*launcher, "true"], capture_output=True, check=False)
        if tried and tried.returncode == 0:
            return launcher
    return ["bash", "-c", f'ulimit -f {_FULL_KIB}; exec "$@"', "bash"]


@contextmanager
def jumping_clock(folder: Path, seed: int = 1) -> Iterator[Sequence[str]]:
    """A launcher whose program's wall clock jumps by up to three hours, forward and back, about every second."""
    library, place = folder / "skewed_clock.so", folder / "clock"
    source = Path(__file__).with_name("skewed_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    place.write_bytes(struct.pack("q", 0))
    ended = threading.Event()

    def jump() -> None:
        drawing = random.Random(seed)
        with place.open("r+b") as clock:
            while not ended.wait(drawing.uniform(0.2, 1.5)):
                clock.seek(0)
                clock.write(struct.pack("q", drawing.randint(-_LONGEST_JUMP_S, _LONGEST_JUMP_S)))
                clock.flush()

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        yield ["env", f"LD_PRELOAD={library}", f"FAULT_CLOCK={place}"]
    finally:
        ended.set()
        thread.join()
