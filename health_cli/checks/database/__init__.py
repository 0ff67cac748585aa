"""The checks of databases: one for each alias in DATABASES, in the depth that its engine allows.

They talk to the driver themselves and never borrow a connection of the application's: a pooled one
hides that nobody can connect any more, and may be in the middle of a transaction.
"""
