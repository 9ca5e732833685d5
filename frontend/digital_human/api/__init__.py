"""The REST interface. `create_app` makes it; one router a resource.

generate     POST /human/generate             uploads      POST /human/uploads
tasks        /human/tasks...                  batches      /human/batches...
avatars      /avatars...                      voices       /voices..., POST /v1/audio/speech
faces        GET /human/faces                 engines      /engines..., and loading their weights
live         /live/sessions...                live_socket  their WebSocket
live_webrtc  the same as WebRTC (WHEP)        livetalking  /offer, /human ..., for pages of LiveTalking
heygem       /easy/..., for HeyGem and Duix   health       GET /health, /ready
operator     /operator/...                    page         /, and what only the page asks for
"""

from digital_human.api.app import create_app
from digital_human.api.auth import require_keys

__all__ = ["create_app", "require_keys"]
