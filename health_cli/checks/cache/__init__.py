"""The checks of caches: one for each alias in CACHES, in the depth that its backend allows."""
