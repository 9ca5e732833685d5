"""TCP ports on the loopback interface, reserved until the server binds them."""

from __future__ import annotations

import socket

from digital_human.errors import UnavailableError

HOST = "127.0.0.1"


def reserve(port: int) -> socket.socket:
    """Reserve a port, or any free one for 0, for a child that binds it with SO_REUSEPORT.

    The socket never listens, so every connection goes to the child, or to the child that replaces it.
    Raises UnavailableError if the port is taken.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        if port and not is_free(port):
            raise OSError
        reservation.bind((HOST, port))
    except OSError:
        reservation.close()
        raise UnavailableError("port_taken", port=port, host=HOST) from None
    return reservation


def number(reservation: socket.socket) -> int:
    return int(reservation.getsockname()[1])


def any_free() -> int:
    """A port that is free now, for a service that cannot share a reserved one."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return number(probe)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
