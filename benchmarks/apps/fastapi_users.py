"""FastAPI: bare, and with fastapi-users under its database strategy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from fastapi import Depends, FastAPI, Response
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, CookieTransport
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from benchmarks.apps import USERS, Places, user_name

__all__ = ["make"]


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    pass


def make(places: Places, *, database: str = "") -> FastAPI:
    """An application without sessions, or with those of fastapi-users in "sqlite" or "postgres"."""
    if database:
        return _with_sessions(create_async_engine(_address(database, places)))
    app = FastAPI()

    @app.get("/me")
    async def me() -> dict[str, str]:
        return {"user": user_name(0)}

    return app


def _address(database: str, places: Places) -> str:
    if database == "sqlite":
        return f"sqlite+aiosqlite:///{places.file('fastapi_users.db')}"
    return places.postgres.replace("postgresql://", "postgresql+asyncpg://", 1)


def _with_sessions(engine: AsyncEngine) -> FastAPI:
    session_maker = async_sessionmaker(engine, expire_on_commit=False)
    users: list[User] = []

    async def in_session() -> AsyncIterator[AsyncSession]:
        async with session_maker() as session:
            yield session

    async def tokens(session: AsyncSession = Depends(in_session)) -> Any:
        return SQLAlchemyAccessTokenDatabase(session, AccessToken)

    async def manager(session: AsyncSession = Depends(in_session)) -> UserManager:
        return UserManager(SQLAlchemyUserDatabase(session, User))

    def strategy(database: Any = Depends(tokens)) -> Any:
        return DatabaseStrategy(database, lifetime_seconds=1_209_600)

    transport = CookieTransport(cookie_secure=False)
    backend = AuthenticationBackend(name="database", transport=transport, get_strategy=strategy)
    signed_in = FastAPIUsers[User, UUID](manager, [backend]).current_user(active=True)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        users.extend(await _users(engine, session_maker))
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/me")
    async def me(user: User = Depends(signed_in)) -> dict[str, str]:
        return {"user": user.email}

    @app.post("/create")
    async def create(user: int, kept: Any = Depends(strategy)) -> Response:
        return await backend.login(kept, users[user % USERS])

    return app


async def _users(engine: AsyncEngine, session_maker: async_sessionmaker[AsyncSession]) -> list[User]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    users = [User(email=f"{user_name(n)}@example.org", hashed_password="-") for n in range(USERS)]
    async with session_maker() as session:
        session.add_all(users)
        await session.commit()
    return users
