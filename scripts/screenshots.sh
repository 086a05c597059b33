#!/usr/bin/env bash
# Makes the pictures of README.md from what the tests drew: the number page of the browser suite and the request screen of
# the Android app (PicturesTest), light and dark, cut to their content. Run both suites first.
#
#     scripts/screenshots.sh [FOLDER OF THE BROWSER SUITE'S PICTURES] [FOLDER OF THE ANDROID APP'S PICTURES]
set -euo pipefail
cd "$(dirname "$0")/.."

browser=${1:-${CARGO_TARGET_DIR:-target}/screenshots}
android=${2:-android/target/screenshots}
out=docs/images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# cut SOURCE TARGET SCALE LEFT TOP WIDTH HEIGHT: the rectangle of the picture after scaling, with round corners.
cut() {
    local source=$1 target=$2 scale=$3 left=$4 top=$5 width=$6 height=$7
    [ -f "$source" ] || { echo "There is no $source: run the tests that draw it first." >&2; exit 1; }
    cp "$source" "$work/source.png"
    cat >"$work/page.html" <<HTML
<!doctype html>
<style>
  body { margin: 0 }
  div { width: ${width}px; height: ${height}px; overflow: hidden; border-radius: 12px; box-sizing: border-box; border: 1px solid #8886 }
  img { display: block; zoom: $scale; margin: calc(-${top}px / $scale) 0 0 calc(-${left}px / $scale) }
</style>
<div><img src="source.png"></div>
HTML
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --default-background-color=00000000 \
        --user-data-dir="$work/profile" --window-size="$width,$height" --screenshot="$work/cut.png" \
        "file://$work/page.html" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    mv "$work/cut.png" "$out/$target"
    # A README is not the place for large files.
    [ "$(stat -c %s "$out/$target")" -lt 153600 ] || { echo "$out/$target is too large." >&2; exit 1; }
}

for look in light dark; do
    cut "$browser/page-07-waiting-$look.png" "number-page-$look.png" 1 360 0 560 520
    cut "$android/$look/request-number.png" "phone-$look.png" 0.5 0 0 360 640
done
