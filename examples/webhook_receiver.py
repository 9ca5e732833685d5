"""Takes the service's webhooks, and fetches each video when it is made.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py --port 5678 --folder videos

Only calls that the service signed count: `standardwebhooks` checks the signature, and that the call is no older than
five minutes. The service repeats a call that gets no 2xx answer, so the answer comes after the video is on the disk,
and the name of a video is that of its task: a call that comes twice does no harm.
"""

from __future__ import annotations

import argparse
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from digital_human import Client


class Receiver(ThreadingHTTPServer):
    """client: of the service; folder: for the videos; secret: the service's WEBHOOK_SECRET"""

    def __init__(self, address: tuple[str, int], client: Client, folder: Path, secret: str) -> None:
        super().__init__(address, Handler)
        self.client, self.folder, self.webhook = client, folder, Webhook(secret)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            event = self.server.webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            self.answer(401)
            return
        if event["type"] == "task.succeeded":
            path = self.server.folder / f"{event['task_id']}.mp4"
            self.server.client.download(event["task_id"], path)
            print(f"{path}: {event['result']['duration']} s", flush=True)
        elif event["type"] == "task.failed":
            print(f"{event['task_id']}: {event['error']['message']}", flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5678)
    parser.add_argument("--folder", type=Path, default=Path("videos"))
    parser.add_argument("--service", default="http://127.0.0.1:8308")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with Client(arguments.service, os.environ.get("API_KEY")) as client:
        address = ("127.0.0.1", arguments.port)
        with Receiver(address, client, arguments.folder, os.environ["WEBHOOK_SECRET"]) as receiver:
            receiver.serve_forever()


if __name__ == "__main__":
    main()
