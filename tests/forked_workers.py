"""Workers of a forked service are forked too: importing their modules costs a processor two seconds each time.

A process that has imported them is forked from the service before it has threads. It forks each worker, twice, and the
process between ends: so the worker is adopted by the service, which waits for it and ends it as one of its own.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

PRELOADED = ("digital_human.jobs.worker.main", "digital_human.live.worker.main")
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_MALLOPT = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_ARENA_MAX": -8}
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_libc = ctypes.CDLL(None)


def fork_workers() -> None:
    """Have this process, which has no threads yet, fork its workers from here on."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(_fork_for_ever(theirs))
    theirs.close()
    _ForkedPopen.forks = ours
    subprocess.Popen = _ForkedPopen  # type: ignore[misc]


def is_worker(pid: int, module: str = PRELOADED[0]) -> bool:
    """Whether a process is a worker of that module, forked or started by its command."""
    try:
        with open(f"/proc/{pid}/comm") as name, open(f"/proc/{pid}/cmdline") as command:
            words = command.read()  # none, once it has ended
            return module in words or (bool(words) and name.read().strip() == _name(module))
    except OSError:
        return False


def _name(module: str) -> str:
    return "-".join(module.split(".")[1:3])[:15]


class _ForkedPopen(subprocess.Popen[Any]):
    """Starts the workers' modules by a fork, and everything else as ever."""

    forks: socket.socket

    def _execute_child(self, args: Any, *more: Any, **named: Any) -> None:
        executed = super()._execute_child  # type: ignore[misc]
        if list(args[1:2]) != ["-m"] or args[2] not in PRELOADED:
            executed(args, *more, **named)
            return
        names = executed.__code__.co_varnames[2 : executed.__code__.co_argcount]
        given = dict(zip(names, more, strict=False)) | named
        standard = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
        descriptors = [number if number != -1 else k for k, number in enumerate(standard)] + list(given["pass_fds"])
        order = {"module": args[2], "arguments": args[3:], "environment": dict(given["env"])}
        order["numbers"] = [0, 1, 2, *given["pass_fds"]]
        socket.send_fds(self.forks, [json.dumps(order).encode()], descriptors)
        self.pid = int(self.forks.recv(64))
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]


def _fork_for_ever(orders: socket.socket) -> int:
    """Fork for every order that comes, until there are no more."""
    while True:
        message, ancillary, _, _ = orders.recvmsg(1 << 17, socket.CMSG_SPACE(64))
        if not message:
            return 0
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        (reads, writes), (waits, goes) = os.pipe(), os.pipe()
        if (between := os.fork()) == 0:
            if (pid := os.fork()) == 0:
                for unneeded in (goes, reads, writes, orders.detach()):
                    os.close(unneeded)
                # It begins once it has been adopted, for it asks to be ended with its parent.
                os.read(waits, 1)
                os.close(waits)
                return _become(json.loads(message), list(descriptors))
            os.write(writes, b"%d" % pid)
            os._exit(0)
        pid_of_worker = os.read(reads, 64)
        os.waitpid(between, 0)
        for number in (reads, writes, waits, goes, *descriptors):
            os.close(number)
        orders.send(pid_of_worker)


def _become(order: Mapping[str, Any], descriptors: list[int]) -> int:
    """Be the worker from here on. Returns its exit status."""
    # None of those that came may lie where another one belongs.
    high = [_above(number, max(order["numbers"])) for number in descriptors]
    for number, place in zip(high, order["numbers"], strict=True):
        os.dup2(number, place)
        os.close(number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))
    os.environ.clear()
    os.environ.update(order["environment"])
    for name, parameter in _MALLOPT.items():
        if name in os.environ:
            _libc.mallopt(parameter, int(os.environ[name]))
    _libc.prctl(_PR_SET_NAME, _name(order["module"]).encode())
    sys.argv = [order["module"], *order["arguments"]]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = import_module(order["module"]).main
    return int(main() or 0)


def _above(number: int, places: int) -> int:
    other = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, places + 1)
    os.close(number)
    return other
