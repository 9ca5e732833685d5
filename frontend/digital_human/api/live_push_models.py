"""What a caller says of a receiver of a live session, and is told of it: never its key or token."""

from __future__ import annotations

from datetime import datetime, timezone

from pydantic import BaseModel, Field, SecretStr

from digital_human.live.push.pushes import Push, State
from digital_human.live.push.receiver import Kind, Receiver, receiver_of
from digital_human.messages import Language
from digital_human.settings import Settings


class PushRequest(BaseModel):
    url: SecretStr = Field(
        description="rtmp://host/application/key, rtmps:// likewise, or https:// and http:// for WHIP.",
        max_length=4096,
    )
    token: SecretStr | None = Field(None, description="Of WHIP: sent as `Authorization: Bearer`.", max_length=4096)

    async def receiver(self, settings: Settings) -> Receiver:
        """Raises BadInputError for an address that cannot be, and ForbiddenError for one that may not be sent to."""
        token = self.token.get_secret_value() if self.token else None
        return await receiver_of(self.url.get_secret_value(), token, settings.live_push_hosts)


class PushView(BaseModel):
    push_id: str
    kind: Kind
    receiver: str = Field(description="Its scheme and host; key and token are not repeated.")
    state: State = Field(description="`waiting` before a further attempt, `failed` when there will be none.")
    since: datetime = Field(description="When it came into this state.")
    connections: int = Field(description="How often the receiver took the session.")
    dropped: int = Field(description="Pictures left out because the receiver was too slow.")
    error: str | None = Field(None, description="Of the last attempt that failed: the message's name.")
    message: str | None = None

    @staticmethod
    def of(push: Push, language: Language) -> PushView:
        return PushView(
            push_id=push.id,
            kind=push.receiver.kind,
            receiver=push.receiver.place,
            state=push.state,
            since=datetime.fromtimestamp(push.since, timezone.utc),
            connections=push.connections,
            dropped=push.dropped,
            error=push.error.name if push.error else None,
            message=push.error.text(language) if push.error else None,
        )
