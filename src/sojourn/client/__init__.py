"""The client of a Sojourn server: the sessions of whoever made a request, over HTTP.

    client = sojourn.client.connect("https://login.example.org")
    for session in client.sessions.list(request).sessions: ...

Needs the extra `sojourn[client]`. `sojourn.client.remote` lets another service accept our sessions.
"""

from sojourn.client.credential import Credential
from sojourn.client.errors import (
    AnswerRejected,
    ClientError,
    ClientTimeout,
    OAuthRefused,
    RemoteRefusal,
    ServerBroken,
    ServiceUnavailable,
)
from sojourn.client.faces import AsyncClient, Client, connect, connect_async

__all__ = [
    "AnswerRejected",
    "AsyncClient",
    "Client",
    "ClientError",
    "ClientTimeout",
    "Credential",
    "OAuthRefused",
    "RemoteRefusal",
    "ServerBroken",
    "ServiceUnavailable",
    "connect",
    "connect_async",
]
