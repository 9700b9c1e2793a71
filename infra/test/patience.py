"""Waiting for what comes by itself."""

import time

# A schedule fires once a minute, and a poll may come right before the end of the work.
PATIENCE_S = 180


def wait_for(what, check, patience_s=PATIENCE_S, pause_s=0.5):
    """Returns the first true value of `check`."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if value := check():
            return value
        time.sleep(pause_s)
    raise AssertionError(f"{what}: not within {patience_s} s")
