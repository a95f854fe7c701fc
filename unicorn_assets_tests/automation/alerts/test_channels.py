"""Messages to real servers, and to servers that refuse, hang, drip, close or speak nonsense."""

import pytest

from unicorn_assets.automation.alerts.channels import send
from unicorn_assets.automation.alerts.settings import AlertSettings, alert_settings
from unicorn_assets.errors import UserError
from unicorn_assets_tests.automation.alerts.letterboxes import MANNERS, closed_port, letterbox


def settings(protocol: str, port: int) -> AlertSettings:
    if protocol == "http":
        return AlertSettings(webhook=f"http://127.0.0.1:{port}/services/T0/B0/in-the-url")
    return AlertSettings(
        mail=("a@example.org", "b@example.org"), sender="u@example.org", smtp=f"smtp://127.0.0.1:{port}"
    )


CHANNEL = {"http": "webhook", "smtp": "mail"}


def test_a_webhook_gets_slacks_json() -> None:
    with letterbox("http") as box:
        assert send("webhook", settings("http", box.port), "2 x failed run", "a <b> & c\nhttp://ui/runs/1") == ""
    assert box.got == [{"text": "*2 x failed run*\na &lt;b&gt; &amp; c\nhttp://ui/runs/1"}]


def test_mail_gets_a_letter() -> None:
    with letterbox("smtp") as box:
        assert send("mail", settings("smtp", box.port), "failed run", "captions: größer\nhttp://ui/runs/1") == ""
    (letter,) = box.got
    assert "Subject: unicorn: failed run" in letter
    assert "To: a@example.org, b@example.org" in letter
    assert "http://ui/runs/1" in letter


@pytest.mark.parametrize("manners", MANNERS[1:])
@pytest.mark.parametrize("protocol", ["http", "smtp"])
def test_no_server_keeps_or_breaks_the_sender(protocol: str, manners: str) -> None:
    with letterbox(protocol, manners) as box:
        error = send(CHANNEL[protocol], settings(protocol, box.port), "t", "x", seconds=0.4)
    assert error
    assert "in-the-url" not in error
    assert box.got == []


@pytest.mark.parametrize("protocol", ["http", "smtp"])
def test_nobody_there_is_said(protocol: str) -> None:
    assert "refused" in send(CHANNEL[protocol], settings(protocol, closed_port()), "t", "x")


def test_a_password_goes_over_no_open_line_to_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with letterbox("smtp") as box:
        known = AlertSettings(
            mail=("a@example.org",), smtp=f"smtp://loopback.test:{box.port}", smtp_user="u", smtp_password="hush-hush"
        )
        monkeypatch.setattr("socket.getaddrinfo", lambda host, port, *_, **__: [(2, 1, 6, "", ("127.0.0.1", port))])
        assert "no encryption" in send("mail", known, "t", "x")


def test_long_texts_are_cut() -> None:
    with letterbox("http") as box:
        send("webhook", settings("http", box.port), "t", "x" * 100_000)
    assert len(box.got[0]["text"]) < 3100


def test_settings_come_from_the_environment_and_keep_their_secrets() -> None:
    found = alert_settings({
        "UNICORN_ALERT_WEBHOOK": "https://hooks.example.org/secret-part", "UNICORN_ALERT_MAIL": "a@b.c, d@e.f",
        "UNICORN_SMTP": "smtps://mail.example.org", "UNICORN_SMTP_PASSWORD": "hush", "UNICORN_UI_URL": "https://ui/",
    })  # fmt: skip
    assert (found.channels, found.mail) == (("webhook", "mail"), ("a@b.c", "d@e.f"))
    assert found.run_link("1") == "https://ui/runs/1"
    assert "secret-part" not in repr(found)
    assert "hush" not in repr(found)
    assert alert_settings({}).channels == ()


@pytest.mark.parametrize(
    "variables",
    [
        {"UNICORN_ALERT_WEBHOOK": "hooks.example.org/secret-part"}, {"UNICORN_ALERT_WEBHOOK": "https://h:secret-part/"},
        {"UNICORN_ALERT_MAIL": "a@b.c"}, {"UNICORN_SMTP": "mail:25"},
        {"UNICORN_SMTP": "smtp://m", "UNICORN_ALERT_MAIL": "a@b.c\nBcc: x@y.z"}, {"UNICORN_ALERT_MINUTES": "0"},
        {"UNICORN_FRESH_HOURS": "a day"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_named_and_no_secret_is(variables: dict[str, str]) -> None:
    with pytest.raises(UserError) as error:
        alert_settings(variables)
    assert "secret-part" not in str(error.value)
