"""Notices to send, and secrets that must not come out again."""

from typing import Any

from health_cli.history.channels.message import Notice, Turn

AT = 1_795_435_205.25  # 2026-11-23 12:00:05 UTC
ID = "5c4f1c66-9a52-4a4e-8a3c-0f3f1c1f2a11"
USER, PASSWORD, PATH, QUERY = "k7canaryUSERjq2", "k7canaryPASSw0rd", "k7canaryPATHx81/B7HOOK99", "k7canaryQUERYz55"
SECRET = "k7canarySECRETnn4"
CANARIES = (USER, PASSWORD, *PATH.split("/"), QUERY, SECRET)


def turn(what: str = "opened", **parts: Any) -> Turn:
    usual = Turn(
        what=what,
        check="database:default",
        host="web1",
        severity="critical",
        status="critical",
        summary="refused",
        message="The server at 127.0.0.1:3306 refused the connection.",
        hint="Is it running? systemctl status mariadb",
        since=AT,
        at=AT,
    )
    return usual._replace(**parts)


def over(after: float, **parts: Any) -> Turn:
    usual = {"status": "healthy", "summary": "", "message": "It answers again.", "why": "recovered"}
    return turn("resolved", **{**usual, "since": AT - after, **parts})


def notice(*turns: Turn) -> Notice:
    return Notice(id=ID, host="web1", project="shop.settings", at=AT, turns=turns or (turn(),))


def leaks(text: str) -> list[str]:
    """Return the secrets that a text holds."""
    return [secret for secret in CANARIES if secret.lower() in text.lower()]
