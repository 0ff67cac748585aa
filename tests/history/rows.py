"""What is in a shop's record, asked through Django itself."""

import json
from typing import Any

from tests.conftest import Shop

_PRELUDE = """
import json
from health_cli.models import *
def show(rows): print(json.dumps(rows, default=str))
"""


def ask(shop: Shop, code: str) -> Any:
    """Run code in the shop; what it calls `show` with."""
    return json.loads(shop.python(_PRELUDE + code))


def rows(shop: Shop, model: str, *fields: str, order: str = "id") -> list[list[Any]]:
    """Return fields of all rows of a model."""
    answer: list[list[Any]] = ask(
        shop, f"show(list(map(list, {model}.objects.order_by({order!r}).values_list{fields})))"
    )
    return answer
