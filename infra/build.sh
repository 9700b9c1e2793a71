#!/usr/bin/env bash
# Builds all functions for Lambda into target/lambda/<function>/bootstrap.zip. cargo-lambda and zig are on PyPI: pip install
# cargo-lambda ziglang
#
#   infra/build.sh [--arm64]      (--x86-64 is the default)
set -euo pipefail
cd "$(dirname "$0")/.."
build() { cargo lambda build --release --locked --output-format zip "$@"; }
packages=()
for function in functions/*/; do
  name=$(basename "$function")
  [ "$name" = gallery ] || packages+=(--package "$name")
done
build "${packages[@]}" "${@:---x86-64}"
# The gallery by itself: it asks for more of the crates that all of them share, and built in one go that would be in the
# others too. SAM builds each function by itself; so it finds built what is built here.
build --package gallery "${@:---x86-64}"
