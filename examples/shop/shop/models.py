"""What the shop remembers."""

from django.db import models


class Order(models.Model):
    """One order, from the first click to the parcel."""

    class State(models.TextChoices):
        """How far it has come."""

        PENDING = "pending"
        PAID = "paid"
        SHIPPED = "shipped"

    customer = models.CharField(max_length=200)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"order {self.pk} of {self.customer}"
