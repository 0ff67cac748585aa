"""URLs that take too long to be loaded."""

import time

time.sleep(20)
