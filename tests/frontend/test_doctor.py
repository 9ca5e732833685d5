"""`digital-human doctor`, where it looks at more than what is installed."""

from __future__ import annotations

import socket
from pathlib import Path

from frontend import doctor
from frontend.settings import Settings
from frontend.triton.server import TritonServer


def test_a_port_is_in_order_where_this_service_has_it(address: str, triton: TritonServer, tmp_path: Path) -> None:
    """As in a container, where the service runs before anybody can ask."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        for port, is_ok in ((int(address.rsplit(":", 1)[1]), True), (stranger.getsockname()[1], False)):
            settings = Settings(triton_url=triton.url, base_path=tmp_path, port=port)
            checks = {check.name: check for check in doctor.examine(settings)}
            assert checks["external Triton"].ok and checks["port"].ok is is_ok, checks
