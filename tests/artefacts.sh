#!/usr/bin/env bash
# Uses the release artifacts as a stranger would: creates all of them (scripts/release.sh), then uses nothing but that
# folder.
#
#   tests/artefacts.sh                     creates a release of the version in Cargo.toml first
#   tests/artefacts.sh FOLDER [PART...]    checks an existing one
#
# The parts are sums, maven, swift_package, rust_crate, server_binary, and sboms.
#
# Requires a JDK 17, Maven, Python with venv, zip tools, and Swift (scripts/install-swift.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
release=$(realpath -m "${1:-$target/release-$version}")
stop() { echo "artefacts: $*" >&2; exit 1; }
if [ $# = 0 ]; then ALLOW_DIRTY=1 scripts/release.sh "$version"; else shift; fi
[ $# -gt 0 ] || set -- sums maven swift_package rust_crate server_binary sboms
# Not under /tmp: the Swift toolchain sees the target folder only.
mkdir -p "$target"
made=$(mktemp -d "$target/artefacts.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$made"' EXIT

# A TOTP account, and its expected password, computed with Python's own HMAC.
secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
code="otpauth://totp/Example:ada?secret=$secret&issuer=Example"
# is_code DIGITS: succeeds if they are valid now or were a period ago, when the program may have printed them.
is_code() {
    python3 - "$secret" "$1" <<'PYTHON'
import base64, hashlib, hmac, struct, sys, time

def code(counter):
    digest = hmac.new(base64.b32decode(sys.argv[1]), struct.pack(">Q", counter), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"

now = int(time.time()) // 30
sys.exit(0 if sys.argv[2] in (code(now), code(now - 1)) else 1)
PYTHON
}
# shows_code NAME COMMAND...: expects COMMAND, given a vault folder and the account's registration URI, to print the
# right digits.
shows_code() {
    local name=$1 vault=$made/vault-$RANDOM digits
    shift
    mkdir "$vault"
    digits=$("$@" "$vault" "$code" | tail -n 1)
    is_code "$digits" || stop "$name printed $digits, which is no code of the account"
    echo "$name: the account was added and shows the right code"
}

sums() {
    (cd "$release" && sha256sum --quiet -c SHA256SUMS)
    local listed there
    listed=$(wc -l <"$release/SHA256SUMS")
    there=$(find "$release" -type f ! -name SHA256SUMS | wc -l)
    [ "$listed" = "$there" ] || stop "SHA256SUMS lists $listed files, there are $there"
    echo "sums: $listed files"
}

# The library for this machine, taken from the jar for the JVM.
stand_in() {
    [ -d "$made/stand-in" ] || unzip -q "$release/maven/org/pushauthenticator/push-authenticator/$version/push-authenticator-$version.jar" \
        'linux-x86-64/*' -d "$made/stand-in"
}

maven() {
    cp -r tests/artefacts/kotlin "$made/kotlin"
    # A local repository without anything from this project: Maven fetches a version only once.
    mkdir -p "$made/m2"
    if [ -d "$HOME/.m2/repository" ]; then
        cp -al "$HOME/.m2/repository/." "$made/m2/" 2>/dev/null || cp -a "$HOME/.m2/repository/." "$made/m2/"
        rm -rf "$made/m2/org/pushauthenticator"
    fi
    # -C: a wrong checksum is an error.
    mvn -q -B -C -f "$made/kotlin/pom.xml" -Dmaven.repo.local="$made/m2" -Drelease.version="$version" \
        -Drelease.repository="file://$release/maven" package
    local built=$made/kotlin/target libraries
    # What an app's build does with an AAR; Maven does not know the form.
    unzip -q "$built/library.aar" -d "$built/aar"
    shows_code "jar for the JVM" java -cp "$built/classes:$built/libraries/*" ConsumerKt

    # The AAR's classes with their own dependencies; the library for this machine stands in for the phone's.
    stand_in
    libraries=$(find "$built/libraries" -name '*.jar' ! -name 'push-authenticator-*' | tr '\n' ':')
    shows_code "classes of the AAR" java -cp "$built/classes:$built/aar/classes.jar:$made/stand-in:$libraries" ConsumerKt
    local abi
    for abi in arm64-v8a x86_64; do
        python3 scripts/android/check.py "$built/aar/jni/$abi/libpush_authenticator.so" --abi "$abi"
    done
    grep -q 'android:minSdkVersion="28"' "$built/aar/AndroidManifest.xml" || stop "the AAR does not say from which Android on it is"

    # An app's build shortens names. With the AAR's own rules, the names that JNA looks up must survive.
    mvn -q -B -f android/pom.xml -Papk dependency:copy@apk
    echo '-keep class ConsumerKt { *; }' >"$made/app.pro"
    mkdir -p "$made/dex"
    jar --create --file "$made/app.jar" -C "$built/classes" .
    # shellcheck disable=SC2086
    java -cp "$(ls android/target/apk-tools/r8-*.jar)" com.android.tools.r8.R8 --release --min-api 28 --output "$made/dex" \
        --lib "$(dirname "$(dirname "$(realpath "$(command -v java)")")")" --lib "$(ls android/target/apk-tools/android-all-*.jar)" \
        --pg-conf "$built/aar/proguard.txt" --pg-conf "$made/app.pro" "$made/app.jar" "$built/aar/classes.jar" ${libraries//:/ }
    local class
    for class in org/pushauthenticator/RustBuffer org/pushauthenticator/UniffiLib com/sun/jna/Native; do
        grep -qaF "L$class;" "$made"/dex/classes*.dex || stop "R8 lost $class by the AAR's rules"
    done
    for artifact in push-authenticator push-authenticator-android; do
        place=$release/maven/org/pushauthenticator/$artifact/$version/$artifact-$version
        grep -q 'index.html' <<<"$(unzip -l "$place-javadoc.jar")" || stop "$place-javadoc.jar holds no documentation"
        grep -q 'org/pushauthenticator/Courier.kt' <<<"$(unzip -l "$place-sources.jar")" || stop "$place-sources.jar holds no source"
    done
    echo "AAR: rules, manifest and two libraries"
}

swift_package() {
    local in_swift=() archive=$release/apple/PushAuthenticatorFFI-$version.xcframework.zip apple=$made/swift-on-apple
    SWIFT_ROOT=$(scripts/install-swift.sh)
    if [ -n "$SWIFT_ROOT" ]; then
        export SWIFT_ROOT SWIFT_BIND=$target:$release
        in_swift=("$repository/scripts/swift-env.sh")
    fi
    stand_in
    cp -r tests/artefacts/swift "$made/swift"
    unzip -q "$release/apple/PushAuthenticator-swift-$version.zip" -d "$made/swift/PushAuthenticator"
    (cd "$made/swift" && "${in_swift[@]}" swift build -c release -Xlinker "-L$made/stand-in/linux-x86-64" -Xlinker -rpath \
        -Xlinker "$made/stand-in/linux-x86-64") >"$made/swift.log" 2>&1 || { tail -n 30 "$made/swift.log"; stop "the Swift package does not build"; }
    shows_code "Swift package" "${in_swift[@]}" "$made/swift/.build/release/consumer"

    local sum
    sum=$(cd "$made/swift" && "${in_swift[@]}" swift package compute-checksum "$archive" | tail -n 1)
    [ "$sum" = "$(cat "$archive.checksum")" ] || stop "SwiftPM's checksum is $sum"
    # Reads the manifest as on a Mac: SwiftPM unpacks the archive and reads the XCFramework's Info.plist.
    cp -r "$made/swift" "$apple" && rm -rf "$apple/.build"
    sed -i 's/#if os(Linux)/#if os(Windows)/' "$apple/PushAuthenticator/Package.swift"
    # SwiftPM calls unzip, which the toolchain folder lacks.
    mkdir -p "$made/tools" && cp "$(command -v unzip)" "$made/tools/"
    ldd "$made/tools/unzip" | awk '/libbz2/ { print $3 }' | xargs -I '{}' cp -L '{}' "$made/tools/"
    (cd "$apple" && "${in_swift[@]}" env PATH="$made/tools:/usr/bin" LD_LIBRARY_PATH="$made/tools" swift package resolve) >"$made/swift.log" 2>&1 || { cat "$made/swift.log"; stop "SwiftPM does not take the XCFramework"; }
    [ -f "$apple/.build/artifacts/pushauthenticator/PushAuthenticatorFFI/PushAuthenticatorFFI.xcframework/Info.plist" ] ||
        stop "SwiftPM did not unpack the XCFramework"
    echo "XCFramework: SwiftPM unpacks it, and computes the same checksum"
}

rust_crate() {
    cp -r tests/artefacts/rust "$made/rust"
    tar -xzf "$release/push-authenticator-$version.crate" -C "$made/rust"
    mv "$made/rust/push-authenticator-$version" "$made/rust/crate"
    (cd "$made/rust" && CARGO_TARGET_DIR=$target/artefacts-crate cargo build --quiet)
    shows_code "crate" "$target/artefacts-crate/debug/consumer"
}

server_binary() {
    local folder=$made/push-authenticator-$version-x86_64-linux binary address
    tar -xzf "$release/push-authenticator-$version-x86_64-linux.tar.gz" -C "$made"
    binary=$folder/push-authenticator
    grep -qE 'statically linked|not a dynamic executable' <<<"$(ldd "$binary" 2>&1 || true)" || stop "the server is not static"
    if [ "$(id -u)" = 0 ]; then
        # In an otherwise empty folder.
        mkdir -p "$made/root/tmp" && cp "$binary" "$made/root/"
        [ "$(chroot "$made/root" /push-authenticator --version)" = "push-authenticator $version" ] || stop "the server needs more than itself"
        chroot "$made/root" /push-authenticator init /login >/dev/null
    fi
    "$binary" init "$made/login" >/dev/null
    printf 'correct horse' | "$binary" user add ada --password-stdin --config "$made/login/server.toml" >/dev/null
    "$binary" demo --listen 127.0.0.1:0 >"$made/demo.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        address=$(grep -oE 'http://127\.0\.0\.1:[0-9]+/demo' "$made/demo.log" | head -n 1 || true)
        [ -n "$address" ] && break
        sleep 0.1
    done
    [ -n "$address" ] || { cat "$made/demo.log"; stop "the demo prints no address"; }
    python3 - "$address" <<'PYTHON'
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as page:
    assert page.status == 200 and b"<html" in page.read(), page.status
PYTHON
    kill "$server" && wait "$server" || true
    server=
    echo "server: static, and its demo serves a page"

    local completions=$folder/completions offered
    offered=$(bash --norc -c '. "$1"; COMP_WORDS=(push-authenticator user unf) COMP_CWORD=2
        "$(complete -p push-authenticator | sed "s/.*-F \([^ ]*\).*/\1/")" push-authenticator unf user; echo "${COMPREPLY[*]}"' bash "$completions/push-authenticator.bash")
    [ "$offered" = unfreeze ] || stop "bash completes unf to '$offered'"
    ! command -v zsh >/dev/null || zsh -n "$completions/_push-authenticator"
    ! command -v fish >/dev/null || [ "$(fish --no-config -c "source $completions/push-authenticator.fish; complete -C 'push-authenticator user unf'" | cut -f 1)" = unfreeze ] ||
        stop "fish does not complete unf"
    grep -q '^\.TH push-authenticator-user-add 1' "$folder/man/man1/push-authenticator-user-add.1" || stop "there is no man page of user add"
    echo "completions and man pages: bash, zsh, fish where they are, $(ls "$folder/man/man1" | wc -l) pages"
}

sboms() {
    local environment=$target/sbom-python
    "$environment/bin/python3" -c 'import cyclonedx.validation.json' 2>/dev/null || {
        python3 -m venv --clear "$environment"
        "$environment/bin/python3" -m pip install --quiet 'cyclonedx-python-lib[json-validation]>=11,<12'
    }
    "$environment/bin/python3" - "$release"/*.cdx.json <<'PYTHON'
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for name in sys.argv[1:]:
    with open(name) as file:
        text = file.read()
    assert (error := JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)) is None, (name, error)
    broken = json.loads(text)
    broken["components"][0].pop("name")
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(broken)) is not None, "the validator passes anything"
    names = {one["name"] for one in json.loads(text)["components"] if one["scope"] == "required"}
    assert {"ring", "rusqlite", "sqlite"} <= names and ("axum" in names) == ("server" in name), names
    print(f"SBOM: {len(names)} components are linked into {json.loads(text)['metadata']['component']['name']}")
assert len(sys.argv) == 3, "two lists are expected"
PYTHON
}

for part in "$@"; do
    case $part in
        sums | maven | swift_package | rust_crate | server_binary | sboms) "$part" ;;
        *) stop "no part is called $part" ;;
    esac
done
echo "Artefacts: used $*"
