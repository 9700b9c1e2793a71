#!/usr/bin/env bash
# Runs every fuzz target (or those that are named) for so many seconds each, one after the other:
#
#   fuzz/run.sh 60
#   fuzz/run.sh 600 callback unpack
#
# It needs `cargo install cargo-fuzz`, a C++ compiler and Python 3. What is found lies in fuzz/artifacts/<target>/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
shift || true
# A stable toolchain takes the flags of the sanitizer as well, if it is told to.
rustc --version | grep -q nightly || export RUSTC_BOOTSTRAP=1
export CARGO_TERM_COLOR=never
# Temporary files are small and many.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

python3 fuzz/seed.py
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(cargo fuzz list); fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

found=0
table=$(printf '%-16s %12s %8s %8s' target executions seconds crashes)
for target in "${targets[@]}"; do
  printf '\n== %s\n' "$target"
  mkdir -p "fuzz/artifacts/$target" "fuzz/corpus/$target"
  cargo fuzz build "$target"
  before=$(find "fuzz/artifacts/$target" -type f | wc -l)
  started=$SECONDS
  # Ten seconds for one input, and 2 GB of memory, are a crash too.
  cargo fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    >"$logs/$target" 2>&1 || tail -n 40 "$logs/$target"
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
  crashes=$(($(find "fuzz/artifacts/$target" -type f | wc -l) - before))
  if [ -z "$executions" ]; then echo "$target did not run"; exit 1; fi
  found=$((found + crashes))
  table+=$(printf '\n%-16s %12s %8s %8s' "$target" "$executions" "$((SECONDS - started))" "$crashes")
done

printf '\n%s\n' "$table"
[ "$found" -eq 0 ]
