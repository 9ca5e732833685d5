"""A client of the service, for programs: one class to wait with, one to await with, the same methods on both.

    with Client("http://127.0.0.1:8308") as client:
        client.generate("template.mp4", "speech.wav", "result.mp4")

`generate` takes files of this machine, sends them, waits and fetches the result; no disk need be shared. The steps are
there one by one: `upload`, `submit`, `task`, `wait`, `cancel`, `download`. Avatars, voices and batches have methods of
their own. Whatever the service refuses is a `ClientError` with its code and message; a connection that fails is an
`httpx.TransportError`.

These files are also a separate package, `digital_human_client`, and import each other relatively.
"""

from .avatars import AsyncAvatars, Avatar, Avatars
from .batches import AsyncBatches, Batch, Batches
from .connection import ClientError
from .tasks import AsyncTasks, Progress, Task, Tasks
from .voices import AsyncVoices, Voice, Voices

__all__ = ["AsyncClient", "Avatar", "Batch", "Client", "ClientError", "Progress", "Task", "Voice"]


class Client(Tasks, Avatars, Voices, Batches):
    """url: of the service; api_key: where it asks for one; transport: for tests"""


class AsyncClient(AsyncTasks, AsyncAvatars, AsyncVoices, AsyncBatches):
    """As `Client`, every method a coroutine."""
