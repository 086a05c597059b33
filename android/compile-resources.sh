#!/usr/bin/env bash
# Compiles the resources and the manifest with aapt2 for the tests and for build-apk.sh, without Gradle. Writes
# resources.apk, and R.java below java/, to OUT.
#
#   compile-resources.sh OUT VERSION [debug]
#
# Needs Debian's packages aapt and android-framework-res.
set -euo pipefail
cd "$(dirname "$0")"
out=$1
version=$2
variant=${3:-}
framework=${ANDROID_FRAMEWORK:-/usr/share/android-framework-res/framework-res.apk}
[ -f "$framework" ] || { echo "compile-resources.sh: $framework is missing (Debian: android-framework-res)" >&2; exit 1; }

rm -rf "$out"
mkdir -p "$out/java" "$out/newer/res/values"

# That framework is for API 29. The manifest's newer attributes were named later, with numbers that never change.
cat >"$out/newer/AndroidManifest.xml" <<'XML'
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="android" />
XML
cat >"$out/newer/res/values/attrs.xml" <<'XML'
<resources>
    <public type="attr" name="dataExtractionRules" id="0x0101063e" />
    <attr name="dataExtractionRules" format="reference" />
</resources>
XML
aapt2 compile --dir "$out/newer/res" -o "$out/newer.zip"
aapt2 link --manifest "$out/newer/AndroidManifest.xml" -o "$out/newer.apk" "$out/newer.zip"

aapt2 compile --dir src/main/res -o "$out/main.zip"
overlay=()
if [ "$variant" = debug ]; then
    aapt2 compile --dir src/debug/res -o "$out/debug.zip"
    overlay=(-R "$out/debug.zip")
fi
# The tool does not know <queries> either, and would reject it. Let it warn about that, and about nothing else.
aapt2 link --warn-manifest-validation -I "$framework" -I "$out/newer.apk" --manifest src/main/AndroidManifest.xml \
    --min-sdk-version 28 --target-sdk-version 35 --version-code 1 --version-name "$version" \
    ${variant:+--debug-mode} --java "$out/java" -o "$out/resources.apk" "${overlay[@]}" "$out/main.zip" 2>"$out/warnings" || { cat "$out/warnings" >&2; exit 1; }
if grep -v 'unexpected element <queries> found in <manifest>' "$out/warnings" >&2; then exit 1; fi
