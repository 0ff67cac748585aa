"""History: what outlives a run. The spool, the record in the database, alerts, trends and retention."""
