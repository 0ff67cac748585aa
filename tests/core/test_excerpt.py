"""What is too long is cut where no secret is cut in two unseen."""

import pytest

from health_cli.core.assembly import Stamp
from health_cli.core.check import FunctionCheck
from health_cli.core.excerpt import MAX_TEXT, cut, last_lines
from health_cli.core.runner import execute

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(("text", "kept"), [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abcd [cut]")])
def test_cut(text: str, kept: str) -> None:
    assert cut(text, 4) == kept


@pytest.mark.parametrize(
    ("text", "kept"), [("a\nb", "a\nb"), ("ab\ncde", "cde"), ("abcdefgh", ""), ("ab\nc\nd\n", "c\nd\n")]
)
def test_last_lines(text: str, kept: str) -> None:
    assert last_lines(text, 5) == kept


@pytest.mark.parametrize("ahead", range(MAX_TEXT - 80, MAX_TEXT, 7))
def test_a_message_is_not_cut_within_a_secret(ahead: int) -> None:
    def it() -> None:
        raise RuntimeError("x" * ahead + SECRET + "y" * MAX_TEXT)

    result = execute(FunctionCheck(name="own.it", function=it))
    message = Stamp("1").finish([result], secrets=[SECRET]).checks[0].message
    assert message.endswith(" [cut]") and len(message) < MAX_TEXT + 10
    assert "hunter" not in message and "h" not in message[40:-6].replace("***", "")
