"""What of a channel is secret, and that a report hides it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from health_cli.config.load import catalogue
from health_cli.config.notify import channel_secrets
from health_cli.config.request import Request
from health_cli.core.redaction import MASK, Redactor

WEBHOOK = {
    "webhook": "https://k7canaryUSER1:k7canaryPW@hooks.example.org:8443/services/T0canary1/notifications?key=k7canaryQ9",
    "secret": "whsec_azdjYW5hcnk=",
}


@pytest.mark.parametrize(
    ("channel", "secrets"),
    [
        ({"mail": ["ops@example.org"], "checks": ["database:default"]}, set()),
        (WEBHOOK,
         {"k7canaryUSER1", "k7canaryPW", "T0canary1", "k7canaryQ9", "whsec_azdjYW5hcnk=", "azdjYW5hcnk="}),
        ({"webhook": "http://web-server01.example.org/hooks/health-check"}, set()),
        ({"webhook": "http://host?t=abcdefg1"}, {"abcdefg1"}),
        ({"webhook": "http://host/correct-horse-battery-staple"}, {"correct-horse-battery-staple"}),
        ({"apprise": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"},
         {"T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"}),
        ({"apprise": "tgram://123456789:AAbbCCddEE-ff/12315544"}, {"AAbbCCddEE-ff", "12315544"}),
        ({"apprise": "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi"},
         {"uQiRzpo4DXghDmr9QzzfQu27cmVRsG", "azGDORePK8gMaC0QOYAMyEEuzJnyUi"}),
        ({"apprise": "mailto://ops:hunter2-hunter2@example.org"}, {"hunter2-hunter2"}),
        ({"apprise": "jsons://monitor01:8080/hook"}, set()),
    ],
)  # fmt: skip
def test_what_looks_like_a_token_is_one(channel: dict[str, Any], secrets: set[str]) -> None:
    assert channel_secrets(channel) == secrets


def test_a_report_hides_what_the_channels_hold(tmp_path: Path) -> None:
    channels = [WEBHOOK, {"apprise": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"}]
    (tmp_path / "notify_settings.py").write_text(f"SECRET_KEY = 'a'\nHEALTH_CLI = {{'NOTIFY': {channels!r}}}\n")
    code = "import sys; from tests.config.test_notify import masked; print(masked(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        f"https://{MASK}:{MASK}@hooks.example.org:8443/services/{MASK}/notifications?key={MASK}",
        MASK,
        f"slack://{MASK}/{MASK}/{MASK}",
    ]


def masked(folder: str) -> str:
    """Load the settings of a project, and return its channels as a report would show them."""
    request = Request(settings="notify_settings", pythonpath=folder, patterns=("host.memory",))
    found = catalogue(request)
    shown = [text for channel in found.setting.NOTIFY for text in channel.values()]
    return Redactor(found.secrets).text(" ".join(shown))
