"""The shop's own checks, found because "shop" is in INSTALLED_APPS."""

from health_cli import check
from shop.models import Order


@check("shop.backlog", warning="100", critical="500", unit="orders", needs=["database:default"])
def backlog():
    """Orders waiting for payment. Many of them mean that the payment provider is down."""
    return Order.objects.filter(state=Order.State.PENDING).count()
