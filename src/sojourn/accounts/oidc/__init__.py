"""Signing in with another service that speaks OpenID Connect, by the authorization code flow.

What is decided is in `flow` and `id_token`, which do no input and output; what is asked, in `client`.
"""

from __future__ import annotations

from sojourn.accounts.oidc.providers import Provider, described

__all__ = ["Provider", "described"]
