"""How a stack fails, on real servers: every case in every format, with nothing leaked, left behind or late."""
