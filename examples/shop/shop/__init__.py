"""A small shop: orders that are paid, shipped and invoiced."""
