"""The page in the admin, and its JSON API: what the record holds, for superusers. No check runs by being looked at."""
