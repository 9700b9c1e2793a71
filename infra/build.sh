#!/usr/bin/env bash
# Builds all functions for Lambda in one go, into target/lambda/<function>/bootstrap.zip. cargo-lambda and zig are on
# PyPI: pip install cargo-lambda ziglang
#
#   infra/build.sh [--arm64]      (--x86-64 is the default)
set -euo pipefail
cd "$(dirname "$0")/.."
packages=()
for function in functions/*/; do packages+=(--package "$(basename "$function")"); done
cargo lambda build --release --locked --output-format zip "${packages[@]}" "${@:---x86-64}"
