"""Prints the size of each function's zip and fails if one is over 5 MB."""

import os
import pathlib
import sys

MOST_BYTES = 5_000_000


def main() -> int:
    zips = sorted(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"), "lambda").glob("*/bootstrap.zip"))
    too_large = [zip for zip in zips if zip.stat().st_size > MOST_BYTES]
    for zip in zips:
        print(f"{zip.parent.name:<20} {zip.stat().st_size / 1e6:6.2f} MB")
    if not zips or too_large:
        print(f"there should be zips, and none over {MOST_BYTES / 1e6:.0f} MB")
        return 1
    return 0


sys.exit(main())
