"""The golden files: what each formatter gives for the sample, in every style.

`python -m tests.formatters.regenerate` writes them anew; read the difference before you keep it.
"""

from collections.abc import Iterator
from pathlib import Path

from health_cli.core.report import Report
from health_cli.formatters import Style, load
from tests.formatters.sample import HEALTHY, RICH

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
REPORTS = {"rich": RICH, "healthy": HEALTHY}


def _styles() -> Iterator[tuple[str, str, Style]]:
    """Yield the label of a style, its format and the style."""
    for width in (80, 200):
        for color in (False, True):
            for verbosity in (0, 1):
                words = [f"table-{width}", *["color"] * color, *["v"] * verbosity]
                yield "-".join(words), "table", Style(width=width, color=color, verbosity=verbosity)
    yield "table-80-vv", "table", Style(verbosity=2)
    yield "json", "json", Style()
    for verbosity in range(3):
        yield f"nagios-{verbosity}", "nagios", Style(verbosity=verbosity, max_bytes=65536)
    for size in (80, 300, 1023, 2048, 4096):
        yield f"nagios-max-{size}", "nagios", Style(max_bytes=size)


CASES: dict[str, tuple[str, Report, Style]] = {
    f"{name}-{label}.txt": (format_name, report, style)
    for name, report in REPORTS.items()
    for label, format_name, style in _styles()
}


def render(case: str) -> bytes:
    """Return what the formatter gives for a case, as it would be written."""
    format_name, report, style = CASES[case]
    return load(format_name)(report, style).encode()


def main() -> None:
    """Write every golden file, and take away those that no case has."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        if path.name not in CASES:
            path.unlink()
    for case in CASES:
        (GOLDEN / case).write_bytes(render(case))


if __name__ == "__main__":
    main()
