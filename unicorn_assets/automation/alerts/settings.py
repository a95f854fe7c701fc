"""Whom to tell and how often: from UNICORN_ALERT_* and UNICORN_SMTP* environment variables. Secrets only from there."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from unicorn_assets.errors import UserError
from unicorn_assets.redaction import remember, remember_variable


@dataclass(frozen=True)
class AlertSettings:
    """`webhook`: a URL that takes Slack's JSON. `mail`: addresses. `smtp`: smtp://host:25 or smtps://host:465. `ui`:
    address of Dagster's UI, for links. `minutes`: between two messages at least. `release_hours`: a newest release that
    is older is worth a word; None: never.
    """

    webhook: str = field(default="", repr=False)
    mail: tuple[str, ...] = ()
    sender: str = "unicorn@localhost"
    smtp: str = ""
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    ui: str = ""
    minutes: int = 10
    release_hours: int | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of those that are set up."""
        return (*(["webhook"] if self.webhook else []), *(["mail"] if self.mail else []))

    def run_link(self, run: str) -> str:
        """Address of a run in the UI; empty where that is not known."""
        return f"{self.ui}/runs/{run}" if self.ui and run else ""


def fresh_hours(environment: Mapping[str, str] = os.environ) -> int | None:
    """After how many hours catalog and releases are old; None: never."""
    text = environment.get("UNICORN_FRESH_HOURS", "").strip()
    return _whole(text, "FRESH_HOURS") if text else None


def alert_settings(environment: Mapping[str, str] = os.environ) -> AlertSettings:
    """The settings; a UserError names the variable that cannot be used, without its value where that is a secret."""

    def given(name: str, usual: str = "") -> str:
        return environment.get(f"UNICORN_{name}", "").strip() or usual

    for name in ("ALERT_WEBHOOK", "SMTP_PASSWORD"):
        remember_variable(f"UNICORN_{name}")
        if given(name):
            remember(given(name))
    webhook, smtp, mail = given("ALERT_WEBHOOK"), given("SMTP"), given("ALERT_MAIL")
    if webhook and not _is_url(webhook, "http", "https"):
        raise UserError("UNICORN_ALERT_WEBHOOK is no address", "give an http:// or https:// URL")
    if smtp and not _is_url(smtp, "smtp", "smtps"):
        raise UserError("UNICORN_SMTP is no mail server", "give smtp://host:25 or smtps://host:465")
    if mail and not smtp:
        raise UserError("UNICORN_ALERT_MAIL is given without UNICORN_SMTP", "give smtp://host:25 or smtps://host:465")
    people = tuple(each.strip() for each in mail.split(",") if each.strip())
    sender = given("ALERT_FROM", "unicorn@localhost")
    for address in (*people, sender):
        if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", address):
            raise UserError(
                f"{address[:100]!r} is no mail address", "look at UNICORN_ALERT_MAIL and UNICORN_ALERT_FROM"
            )
    return AlertSettings(
        webhook, people, sender, smtp, given("SMTP_USER"), given("SMTP_PASSWORD"), given("UI_URL").rstrip("/"),
        _whole(given("ALERT_MINUTES", "10"), "ALERT_MINUTES"), fresh_hours(environment),
    )  # fmt: skip


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _whole(text: str, name: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise UserError(f"UNICORN_{name} is {text[:100]!r}", "give a whole number above 0")
    return int(text)
