"""What is shown of applications and tenants: everything but what a secret could be guessed from."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from sojourn.directory.records import Application, Tenant

__all__ = ["application_view", "tenant_view"]

_HASHES = ("secret_hash", "previous_secret_hash")


def application_view(application: Application) -> dict[str, Any]:
    """For programs. `access_ttl` in seconds; `previous_until` says until when an older secret is good."""
    fields = asdict(application)
    for name in _HASHES:
        del fields[name]
    ttl = application.access_ttl
    return fields | {
        "public": application.public,
        "enabled": application.enabled,
        "access_ttl": None if ttl is None else int(ttl.total_seconds()),
    }


def tenant_view(tenant: Tenant) -> dict[str, Any]:
    """For programs."""
    return asdict(tenant)
