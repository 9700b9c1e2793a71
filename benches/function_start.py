#!/usr/bin/env python3
"""How long a function takes from the start of its process to its first poll, and how much memory it has then.

For each function binary: a Lambda runtime endpoint on loopback, written below, takes the first
`GET /2018-06-01/runtime/invocation/next` and does not answer it. Timed is from just before the process is started to
the arrival of that request; memory is VmRSS of the process at that moment. One run is not counted, then the median,
least and greatest of RUNS are printed. Needs `cargo build --release --workspace` and nothing beyond Python.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

RUNS = 5
FUNCTIONS = ["submit-imgfactory", "submit-watermark", "submit-fangtang", "submit-vkcloud", "submit-imageban", "webhook", "poller", "collector"]
FOLDER = os.path.join(os.path.dirname(__file__), "..", "target", "release")


def once(function):
    """Milliseconds to the first poll, and resident bytes then."""
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        port = endpoint.getsockname()[1]
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_LOG_GROUP_NAME": "log",
            "AWS_LAMBDA_LOG_STREAM_NAME": "log",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DARKROOM_BUCKET": "darkroom",
            "DARKROOM_TABLE": "darkroom",
            "DARKROOM_QUEUE_URL_PREFIX": "http://127.0.0.1:9/darkroom-",
            "DARKROOM_PUBLIC_URL": "https://hooks.example",
            "DARKROOM_CALLBACK_SECRET": "secret",
            "IMGFACTORY_TOKEN": "token",
            "WATERMARK_APP_ID": "0123456789abcdef",
            "WATERMARK_APP_SECRET": "secret",
            "VKCLOUD_TOKEN": "token",
            "FANGTANG_THIRD_CODE": "code",
            "FANGTANG_SECRET_KEY": "secret",
            "IMAGEBAN_CLIENT_ID": "client",
        }
        started = time.perf_counter()
        process = subprocess.Popen([os.path.join(FOLDER, function)], env=environment, stderr=subprocess.DEVNULL)
        try:
            endpoint.settimeout(20)
            connection, _ = endpoint.accept()
            asked = connection.recv(4096)
            elapsed_ms = (time.perf_counter() - started) * 1000
            assert b"/invocation/next" in asked, asked
            with open(f"/proc/{process.pid}/status") as status:
                resident = next(line for line in status if line.startswith("VmRSS"))
            return elapsed_ms, int(resident.split()[1]) * 1024
        finally:
            process.kill()
            process.wait()


def main():
    results = {}
    print(f"{'function':<20}{'first poll, ms':>22}{'memory, MiB':>14}{'binary, MiB':>14}")
    for function in FUNCTIONS:
        once(function)
        runs = [once(function) for _ in range(RUNS)]
        times = [elapsed_ms for elapsed_ms, _ in runs]
        memory = statistics.median(resident for _, resident in runs) / 2**20
        size = os.path.getsize(os.path.join(FOLDER, function)) / 2**20
        median = statistics.median(times)
        print(f"{function:<20}{median:>8.1f} ({min(times):.1f}–{max(times):.1f}){memory:>14.1f}{size:>14.1f}")
        results[function] = {"first_poll_ms": median, "resident_mib": memory, "binary_mib": size}
    if "--json" in sys.argv:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
