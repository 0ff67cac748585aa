"""What the shop does in the background."""

import logging

from celery import shared_task

from shop.models import Order

logger = logging.getLogger(__name__)


@shared_task
def ship(order_id: int) -> bool:
    """Ship a paid order; tell whether it was there to be shipped."""
    shipped = Order.objects.filter(id=order_id, state=Order.State.PAID).update(state=Order.State.SHIPPED)
    logger.info("order %s %s", order_id, "shipped" if shipped else "can't be shipped")
    return bool(shipped)


@shared_task
def send_invoice(order_id: int) -> str:
    """Write the invoice of an order into the log, for want of a printer."""
    order = Order.objects.get(id=order_id)
    logger.info("invoice for %s: %s", order.customer, order.total)
    return order.customer
