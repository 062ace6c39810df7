"""What an application looks up by itself: where things are, and with which keys tokens are verified."""

from __future__ import annotations

from typing import Any

from sojourn.access import ALGORITHMS
from sojourn.api.oauth.clients import said
from sojourn.api.oauth.ids import about
from sojourn.api.oauth.token import issuer_of
from sojourn.api.routes import Call, Route
from sojourn.directory.records import GRANTS, SCOPES
from sojourn.errors import OAuthError
from sojourn.web.reply import Answer, as_json

__all__ = ["ROUTES"]

_AN_HOUR = "public, max-age=3600"  # what is announced an hour before its use is known everywhere by then


def _public(value: Any) -> Answer:
    """JSON for anybody, on any page, and for caches: it depends on nobody."""
    answer = as_json(value)
    kept = [header for header in answer.headers if header[0] != "cache-control"]
    return Answer(
        answer.status, [*kept, ("cache-control", _AN_HOUR), ("access-control-allow-origin", "*")], answer.body
    )


async def jwks(call: Call) -> Answer:
    """The public keys of access tokens (RFC 7517)."""
    return _public(issuer_of(call).signers.jwks())


async def configuration(call: Call) -> Answer:
    """Where everything is (OpenID Connect Discovery 1.0, RFC 8414)."""
    at = call.visit.site.origin
    return _public(
        {
            "issuer": at,
            "authorization_endpoint": f"{at}/oauth/authorize",
            "token_endpoint": f"{at}/oauth/token",
            "userinfo_endpoint": f"{at}/oauth/userinfo",
            "jwks_uri": f"{at}/.well-known/jwks.json",
            "revocation_endpoint": f"{at}/oauth/revoke",
            "introspection_endpoint": f"{at}/oauth/introspect",
            "end_session_endpoint": f"{at}/oauth/logout",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GRANTS,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ALGORITHMS,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": SCOPES,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "email", "name",
                "tenant_id",
            ],
            "acr_values_supported": ["aal1", "aal2", "aal3"],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }
    )  # fmt: skip


async def userinfo(call: Call) -> Answer:
    """Who the access token speaks for, as far as its scope lets that be known (OpenID Connect Core 5.3)."""
    session = await call.visit.require()
    scope = (await issuer_of(call).terms_of(session)).scope
    if "openid" not in scope.split():
        raise OAuthError("insufficient_scope", "This token was made without the scope openid.", status=403)
    return as_json({"sub": call.me, **await about(call, call.me, scope)})


ROUTES = (
    Route(method="GET", path="/.well-known/jwks.json", guard="open", act=jwks, refused=said, tag="oauth"),
    Route(
        method="GET",
        path="/.well-known/openid-configuration",
        guard="open",
        act=configuration,
        refused=said,
        tag="oauth",
    ),
    Route(
        method="GET",
        path="/.well-known/oauth-authorization-server",
        also="_of_the_authorization_server",
        guard="open",
        act=configuration,
        refused=said,
        tag="oauth",
    ),
    *(
        Route(
            method=method,
            path="/oauth/userinfo",
            also=also,
            guard="session",
            cookieless=True,
            act=userinfo,
            refused=said,
            refusals=("insufficient_scope",),
            tag="oauth",
        )
        for method, also in (("GET", ""), ("POST", "_by_post"))
    ),
)
