#!/usr/bin/env python3
"""How long `darkroom demo` takes from start to end: the whole process, wall clock.

One run is not counted, then the median, least and greatest of RUNS are printed. Needs
`cargo build --release --workspace` and nothing beyond Python.
"""

import os
import statistics
import subprocess
import tempfile
import time

RUNS = 5
DARKROOM = os.path.join(os.path.dirname(__file__), "..", "target", "release", "darkroom")


def once():
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        subprocess.run([DARKROOM, "demo", "--out", out], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


once()
times = [once() for _ in range(RUNS)]
print(f"darkroom demo: {statistics.median(times):.2f} s ({min(times):.2f}–{max(times):.2f}), {RUNS} runs")
