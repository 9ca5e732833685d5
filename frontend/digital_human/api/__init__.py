"""The REST interface. `create_app` makes it; one router a resource.

generate   POST /human/generate            uploads    POST /human/uploads
tasks      /human/tasks...                 easy       /easy/..., for clients of HeyGem and Duix
health     GET /health, /ready             engines    /engines..., and loading their weights
operator   /operator/..., for the operator of the service
"""

from digital_human.api.app import create_app
from digital_human.api.auth import require_keys

__all__ = ["create_app", "require_keys"]
