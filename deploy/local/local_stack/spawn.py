# SPDX-License-Identifier: EUPL-1.2
"""Children that don't outlive us, however we end: also when we are killed and can't stop them any more.

The kernel sends a child its signal when the thread that made it ends (prctl(2), PR_SET_PDEATHSIG). So all are made by
one thread, which lives as long as this process.
"""

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Made = Future["subprocess.Popen[bytes]"]


def dying_with_us(sig: signal.Signals) -> Callable[[], None]:
    """Give what a child does before it becomes its program: it asks for *sig* at the end of the thread that made it."""
    parent = os.getpid()

    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig))
            if os.getppid() != parent:  # we ended before it could ask
                os.kill(os.getpid(), signal.SIGKILL)

    return ask


def spawn(command: Sequence[str], sig: signal.Signals, **popen: Any) -> "subprocess.Popen[bytes]":
    """Start *command* like subprocess.Popen, from any thread; it gets *sig* when this process ends before it."""
    made: Made = Future()
    # Between fork and exec it calls the kernel and nothing else, so that a lock which a thread holds is none of its.
    hook = dying_with_us(sig)
    _spawner().put((made, lambda: subprocess.Popen(list(command), preexec_fn=hook, **popen)))  # noqa: PLW1509
    return made.result()


_lock = threading.Lock()
_orders: "dict[int, queue.SimpleQueue[tuple[Made, Callable[[], subprocess.Popen[bytes]]]]]" = {}


def _spawner() -> "queue.SimpleQueue[tuple[Made, Callable[[], subprocess.Popen[bytes]]]]":
    """Give the orders of this process's one thread that makes children; it is begun with the first."""
    with _lock:
        if os.getpid() not in _orders:
            _orders[os.getpid()] = queue.SimpleQueue()
            threading.Thread(target=_make, args=(_orders[os.getpid()],), name="spawner", daemon=True).start()
        return _orders[os.getpid()]


def _make(orders: "queue.SimpleQueue[tuple[Made, Callable[[], subprocess.Popen[bytes]]]]") -> None:
    while True:
        made, popen = orders.get()
        try:
            made.set_result(popen())
        except BaseException as why:  # noqa: BLE001 - whoever ordered it hears of it
            made.set_exception(why)
