"""Sending a message: a webhook in Slack's JSON, and mail. Whatever the other side does, it ends within seconds.

Each returns why it was not sent, empty when it was. Not here: what is told, or when.
"""

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from threading import Thread
from urllib.parse import urlsplit

from unicorn_assets.automation.alerts.settings import AlertSettings
from unicorn_assets.redaction import redact_known

SECONDS = 10.0
"""For all of a message: a server that answers byte by byte would stay below any timeout of its socket."""
MOST = 3000  # characters of a message


def send(channel: str, settings: AlertSettings, title: str, text: str, seconds: float = SECONDS) -> str:
    """Send by `channel`; why it was not sent, empty when it was."""
    title, text = redact_known(title), redact_known(text)
    text = text if len(text) <= MOST else f"{text[:MOST]}\n…"
    post = {"webhook": _webhook, "mail": _mail}[channel]
    return _within(seconds, lambda: post(settings, title, text, seconds / 2))


def _within(seconds: float, post: Callable[[], None]) -> str:
    said: list[str] = []

    def attempt() -> None:
        try:
            post()
            said.append("")
        except Exception as error:  # whatever a server makes of it, the sensor goes on
            said.append(redact_known(f"{type(error).__name__}: {error}"[:300]))

    thread = Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else f"no end within {seconds:g} s"


def _webhook(settings: AlertSettings, title: str, text: str, seconds: float) -> None:
    body = json.dumps({"text": f"*{_slack(title)}*\n{_slack(text)}"}).encode()
    request = urllib.request.Request(settings.webhook, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            answer.read(100)
    except urllib.error.HTTPError as error:
        error.close()
        raise ConnectionError(f"the webhook answered {error.code}") from None


def _slack(text: str) -> str:
    """Slack reads these three as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mail(settings: AlertSettings, title: str, text: str, seconds: float) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = f"unicorn: {title}", settings.sender, ", ".join(settings.mail)
    message.set_content(text + "\n")
    place = urlsplit(settings.smtp)
    secure, host = place.scheme == "smtps", place.hostname or ""
    kind = smtplib.SMTP_SSL if secure else smtplib.SMTP
    with kind(host, place.port or (465 if secure else 25), timeout=seconds) as server:
        server.ehlo()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            secure = True
        if settings.smtp_user:
            if not secure and host not in ("localhost", "127.0.0.1", "::1"):
                raise ConnectionError("the mail server offers no encryption, so it is not told the password")
            server.login(settings.smtp_user, settings.smtp_password)
        server.send_message(message)
