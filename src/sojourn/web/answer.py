"""One request against one route: guard, decode, act, encode. Any framework can send the answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from sojourn.api.routes import Call, Route
from sojourn.errors import BodyRejected, Refusal, TokenInvalid
from sojourn.web.bearer import is_ours
from sojourn.web.reply import Answer, as_json, problem

__all__ = ["LARGEST", "answer"]

_ANY_PAGE = ("access-control-allow-origin", "*")  # without credentials, which are not looked at there
LARGEST = 64 * 1024  # bytes of a body; nothing that this API takes comes near it


async def answer(route: Route, call: Call, *, content: bytes = b"", kind: str = "") -> Answer:
    """Let *call* do what *route* says, with the request's *content* of the media type *kind*.

    Faults are not caught here: whoever knows the framework answers 503, and adds the visit's cookies
    in every case. A sign-out whose store is away still takes the cookie back.
    """
    try:
        call.visit.by_program, call.visit.in_passing = route.passive, route.in_passing
        if route.before is not None:
            route.before(call)
        if not route.bearer and call.visit.bearer is not None:
            raise TokenInvalid
        if route.path.startswith("/oauth/") and is_ours(call.visit.bearer):
            raise TokenInvalid  # applications have access tokens
        await call.admit(route.guard, sure=route.sure)
        if route.body is not None:
            call.body = decoded(route, content, kind)
        if route.form:
            call.form = fields(content, kind)
        if route.parameters:
            call.form = parameters(content, kind)
        with call.visit.site.telling_how():
            done = await route.act(call)
    except Refusal as refusal:
        bearer = call.visit.bearer is not None or route.path.startswith("/oauth/")
        done = await route.refused(call, refusal) if route.refused else problem(refusal, bearer=bearer)
    said = done if isinstance(done, Answer) else as_json(done, route.status)
    return said.add([_ANY_PAGE]) if route.cookieless else said


def decoded(route: Route, content: bytes, kind: str) -> Any:
    """The body as `route.body`, or a `BodyRejected` that says what is wrong and where."""
    if not content.strip() and route.optional_body:
        return route.body()
    media = kind.partition(";")[0].strip().lower()
    if media != "application/json":
        if route.any_body:
            return route.body()
        if route.or_form and media == "application/x-www-form-urlencoded":
            return _converted(fields(content, kind), route.body)
        raise BodyRejected("Send JSON, with the header Content-Type: application/json.", status=415)
    try:
        return msgspec.json.decode(content, type=route.body)
    except msgspec.ValidationError as error:
        raise BodyRejected(f"The body is not what this route takes: {error}.", status=422) from None
    except RecursionError:
        raise BodyRejected("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyRejected("The body is not valid JSON in UTF-8.") from None


def _converted(form: dict[str, str], body: Any) -> Any:
    try:
        return msgspec.convert(form, body, strict=False)
    except msgspec.ValidationError as error:
        raise BodyRejected(f"The form is not what this route takes: {error}.", status=422) from None


def fields(content: bytes, kind: str) -> dict[str, str]:
    """The fields of a form, sent as a browser sends it; of a name that comes twice the last."""
    if kind.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BodyRejected("Send the form as application/x-www-form-urlencoded.", status=415)
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=50, errors="strict"))
    except ValueError:
        raise BodyRejected("The form is broken. Reload the page and try again.") from None


def parameters(content: bytes, kind: str) -> dict[str, str]:
    """The parameters of an OAuth request, none of them twice (RFC 6749 section 3.2): a form, or JSON."""
    if not content.strip():
        return {}
    try:
        if kind.partition(";")[0].strip().lower() == "application/json":
            return msgspec.json.decode(content, type=dict[str, str])
        pairs = parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise BodyRejected("Send the parameters as a form, or as a JSON object of strings.") from None
    if kind.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BodyRejected("Send the parameters as application/x-www-form-urlencoded.", status=415)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyRejected("A parameter comes twice.")
    return found
