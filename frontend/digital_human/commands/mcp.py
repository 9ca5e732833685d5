"""`digital-human mcp`: tools for assistants that speak the Model Context Protocol, over standard input and output.

It talks to a running service as any client does. Files of the assistant's machine are uploaded to it and results are
downloaded, from and to one folder alone: an assistant that was misled can reach no further.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from digital_human.client import AsyncClient, ClientError, Task
from digital_human.errors import BadInputError, ConflictError, NotFoundError, ServiceError
from digital_human.files.downloads import is_url
from digital_human.pipeline.backdrop import is_colour
from digital_human.settings import Settings
from digital_human.version import VERSION

POLL = 0.5
LONGEST_WAIT = 3600.0
INSTRUCTIONS = """Makes videos of a person who says a text or a recording. list_avatars has the people, list_voices
who can say a text. make_video orders a video and waits a while for it; task_status follows one that takes longer, and
fetches it. Make videos only of people who agreed to it."""

FileName = Annotated[
    str, Field(description="A file below the folder of this server, or a URL that the service allows.")
]
Output = Annotated[
    str | None, Field(description="The .mp4 to write, below the folder of this server. It must not exist.")
]
Wait = Annotated[
    float,
    Field(
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for the end. The service goes on making the video after that.",
    ),
]


class Avatar(BaseModel):
    """A person who can be named in place of a template."""

    name: str
    state: Literal["studying", "ready", "failed"]
    voice: str = Field(description="Who says a text where none is named; empty for one that fits the text.")
    seconds: float | None = Field(None, description="Length of the template.")
    warnings: list[str] = Field(default_factory=list, description="What its videos will suffer from.")


class Voice(BaseModel):
    id: str = Field(description="What `voice` may be.")
    name: str
    language: str | None = Field(description="BCP 47.")
    gender: str | None


class Video(BaseModel):
    """How far a video is."""

    task_id: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: str | None = None
    progress: float = Field(description="0-1")
    eta_seconds: float | None = Field(None, description="Until it is made, where that can be said.")
    error: str | None = Field(None, description="Why it failed.")
    warnings: list[str] = Field(default_factory=list, description="What may be wrong with the video.")
    path: str | None = Field(None, description="Where it was written.")


@dataclass(frozen=True)
class Tools:
    """client: of the service; folder: all that is read and written here, symbolic links resolved"""

    client: AsyncClient
    folder: Path

    async def list_avatars(self) -> list[Avatar]:
        """The people whose templates the service keeps."""
        with _tool_errors():
            found = await self.client.avatars()
        return [
            Avatar(
                name=avatar.name,
                state=avatar.view["state"],
                voice=avatar.view["voice"],
                seconds=avatar.view["seconds"],
                warnings=avatar.warnings,
            )
            for avatar in found
        ]

    async def list_voices(
        self, language: Annotated[str, Field(description="The beginning of a language's tag, such as en or zh.")] = ""
    ) -> list[Voice]:
        """Who can say a text."""
        with _tool_errors():
            found = await self.client.voices()
        chosen = [voice for voice in found if (voice.language or "").lower().startswith(language.lower())]
        return [Voice(**asdict(voice)) for voice in chosen]

    async def make_video(
        self,
        context: Context,
        text: Annotated[str | None, Field(description="What is said. This, or audio.")] = None,
        audio: Annotated[FileName | None, Field(description="A recording of what is said.")] = None,
        avatar: Annotated[str | None, Field(description="Who says it, see list_avatars. This, or template.")] = None,
        template: Annotated[FileName | None, Field(description="A video or a picture of the person.")] = None,
        voice: Annotated[str, Field(description="See list_voices; empty for one that fits the text.")] = "",
        speed: Annotated[float, Field(ge=0.5, le=2, description="Of a text.")] = 1.0,
        output: Output = None,
        title: Annotated[str | None, Field(description="What the video is called.")] = None,
        preview: Annotated[float | None, Field(gt=0, le=60, description="Make only the first seconds.")] = None,
        size: Annotated[str | None, Field(description="A height, as 720, or 1280x720.")] = None,
        background: Annotated[
            str | None, Field(description="In place of a green or blue screen: #RRGGBB, or a picture's file.")
        ] = None,
        burn_subtitles: Annotated[bool, Field(description="Show the text in the picture.")] = False,
        wait_seconds: Wait = 45,
    ) -> Video:
        """Make a video of a person who says a text or a recording.

        After `wait_seconds` it answers with the state so far; task_status then follows the task_id.
        """
        with _tool_errors():
            if (text is None) == (audio is None) or (avatar is None) == (template is None):
                raise BadInputError("mcp_order_unclear")
            saved = None if output is None else self._output(output)
            video, sound, behind = [await self._sent(name) for name in (template, audio, background)]
            options: dict[str, Any] = {"title": title, "preview": preview, "size": size, "background": behind}
            options |= {"avatar": avatar, **({} if text is None else {"text": text, "voice": voice, "speed": speed})}
            options = {name: value for name, value in options.items() if value is not None}
            if burn_subtitles:
                options["subtitles"] = "burn"
            task = await self.client.submit(video, sound, **options)
            task = await self._followed(task, wait_seconds, context)
            return await self._view(task.require_success() if task.has_ended else task, saved)

    async def task_status(
        self,
        context: Context,
        task_id: Annotated[str, Field(description="As make_video answered.")],
        output: Output = None,
        wait_seconds: Wait = 0,
    ) -> Video:
        """How far a video is. Once it is made it is written to `output`, where one is named."""
        with _tool_errors():
            saved = None if output is None else self._output(output)
            task = await self._followed(await self.client.task(task_id), wait_seconds, context)
            return await self._view(task, saved)

    async def _followed(self, task: Task, seconds: float, context: Context) -> Task:
        """The task at its end, or after that time."""
        deadline = time.monotonic() + seconds
        while True:
            await context.report_progress(task.progress, 1.0, task.view.get("stage") or task.state)
            if task.has_ended or time.monotonic() >= deadline:
                return task
            await asyncio.sleep(POLL)
            task = await self.client.task(task.id)

    async def _view(self, task: Task, output: Path | None) -> Video:
        if output is not None and task.state == "succeeded":
            await self.client.download(task.id, output)
        shown: dict[str, Any] = {name: task.view.get(name) for name in ("stage", "eta_seconds")}
        return Video.model_validate(
            {
                "task_id": task.id,
                "state": task.state,
                "progress": task.progress,
                "error": (task.view.get("error") or {}).get("message"),
                "warnings": task.warnings,
                "path": str(output) if output is not None and task.state == "succeeded" else None,
                **shown,
            }
        )

    async def _sent(self, name: str | None) -> str | None:
        """An input as the service takes it: files are uploaded, URLs and colours stay as they are."""
        if name is None or is_url(name) or is_colour(name):
            return name
        path = self._inside(name)
        if not path.is_file():
            raise NotFoundError("file_not_found", field=name)
        return await self.client.upload(path)

    def _output(self, name: str) -> Path:
        path = self._inside(name)
        if path.suffix.lower() != ".mp4":
            raise BadInputError("output_type_unknown", field=name, suffixes=".mp4")
        if path.exists() or not path.parent.is_dir():
            raise ConflictError("mcp_output_unusable", path=name)
        return path

    def _inside(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise BadInputError("mcp_path_outside", path=name, folder=str(self.folder))
        return path


def make_server(client: AsyncClient, folder: Path) -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer(
        "digital-human", title="Digital human", instructions=INSTRUCTIONS, version=VERSION, log_level="WARNING"
    )
    tools = Tools(client, folder.resolve())
    for look in (tools.list_avatars, tools.list_voices):
        server.add_tool(look, annotations=ToolAnnotations(read_only_hint=True))
    for act in (tools.make_video, tools.task_status):
        server.add_tool(act, annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    return server


def serve(url: str, folder: Path, settings: Settings) -> int:
    """Answer an assistant until it closes standard input. Returns the exit status."""
    if not folder.is_dir():
        raise NotFoundError("file_not_found", field=str(folder))
    key = settings.mcp_api_key
    client = AsyncClient(url, key.get_secret_value() if key else None)
    make_server(client, folder).run("stdio")
    return 0


@contextmanager
def _tool_errors() -> Iterator[None]:
    """Turn the errors of a call into a message for the assistant."""
    try:
        yield
    except (ClientError, ServiceError) as error:
        raise ToolError(str(error)) from error
    except httpx.TransportError as error:
        raise ToolError(f"the service does not answer: {error or type(error).__name__}") from error
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}") from error
