"""Names: what a pattern on the command line means, and what a mistyped word may have meant.

Apart from the registry, so that whoever only reads a report loads no checks.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib import import_module


def matches(name: str, pattern: str) -> bool:
    """Tell whether a pattern means this check: its name, a leading part of it, or a glob.

    `host`, `host.disk`, `host.disk:/var`, `host.*` and `*:/var` all mean `host.disk:/var`.
    """
    leads = ":" not in pattern and name.startswith(pattern) and name[len(pattern) :][:1] in {".", ":"}
    if name == pattern or leads:
        return True
    return fnmatchcase(name, pattern)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; nearest: ...` with up to three known words that look like this one, or nothing.

    What looks like its part before a colon comes first: `databse:default` is nearer to `database` than to
    `cache:default`.
    """
    close_to, words = import_module("difflib").get_close_matches, list(known)
    head, colon, _ = word.partition(":")
    heads = close_to(head, [each for each in words if ":" not in each], n=1, cutoff=0.75) if colon else []
    close = list(dict.fromkeys([*heads, *close_to(word, words, n=3, cutoff=0.5)]))[:3]
    return f"; nearest: {', '.join(close)}" if close else ""
