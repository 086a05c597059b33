#!/usr/bin/env bash
# Creates all release artifacts in target/release-VERSION. docs/releasing.md describes them.
#
#   scripts/release.sh VERSION             everything
#   scripts/release.sh VERSION PART...     only these parts: kotlin, apple, crate, server, sbom; checksums come last
#
# VERSION must match Cargo.toml and bindings/kotlin/pom.xml. Uncommitted changes are an error; to build anyway, as a
# trial, set ALLOW_DIRTY=1. RELEASE_URL is where the archive for Apple's systems can be downloaded; without it,
# Package.swift uses the archive next to it.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
stop() { echo "release: $*" >&2; exit 1; }
version=${1:?usage: scripts/release.sh VERSION [PART...]}
shift
[ "$version" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] || stop "$version is not the version of Cargo.toml"
[ "$version" = "$(sed -n 's|^  <version>\(.*\)</version>|\1|p' bindings/kotlin/pom.xml | head -n 1)" ] ||
    stop "$version is not the version of bindings/kotlin/pom.xml"
[ -n "${ALLOW_DIRTY:-}" ] || [ -z "$(git status --porcelain)" ] || stop "there are changes that are not committed"
# The date in archives. Builds do not see it, because otherwise every commit would recompile all C code.
date=$(git log -1 --format=%ct)
. scripts/path-flags.sh

out=$target/release-$version
[ $# -gt 0 ] || { rm -rf "$out" && set -- kotlin apple crate server sbom; }
mkdir -p "$out"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
pack() { SOURCE_DATE_EPOCH=$date python3 scripts/release/archive.py "$@"; }
# no_paths FILE...: fails if an artifact contains paths of the machine that built it.
no_paths() { python3 scripts/builder_paths.py "$@"; }
# licences FOLDER
licences() { mkdir -p "$1" && cp LICENSE-MIT LICENSE-APACHE "$1/"; }

# The JVM gets a jar that contains the library for Linux, Android an AAR; each comes with POM, sources, and
# documentation.
kotlin() {
    (. scripts/mobile-flags.sh && CFLAGS_x86_64_unknown_linux_gnu="$CFLAGS $c_paths" RUSTFLAGS="${RUSTFLAGS:-} $rust_paths" \
        cargo rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib \
        --target x86_64-unknown-linux-gnu --target-dir "$target")
    scripts/build-android.sh arm64-v8a x86_64
    local build=bindings/kotlin/target native=$target/x86_64-unknown-linux-gnu/mobile/libpush_authenticator.so
    rm -rf "$build/classes"
    mvn -q -B -f bindings/kotlin/pom.xml -Pdocumentation package -DskipTests
    mkdir -p "$made/jvm" "$made/aar/classes" "$made/sources"
    unzip -q "$build/push-authenticator-$version.jar" -d "$made/jvm"
    # Maven's own build records: their date and tool versions would differ each time.
    rm -rf "$made/jvm/META-INF/maven"
    printf 'Manifest-Version: 1.0\nAutomatic-Module-Name: org.pushauthenticator\n' >"$made/jvm/META-INF/MANIFEST.MF"
    licences "$made/jvm/META-INF"

    # Both contain the same classes. An Android app finds R8's rules in the AAR and its libraries in jni.
    cp -r "$made/jvm/." "$made/aar/classes/"
    mv "$made/aar/classes/META-INF/proguard/push-authenticator.pro" "$made/aar/proguard.txt"
    rmdir "$made/aar/classes/META-INF/proguard"
    pack "$made/aar/classes.jar" "$made/aar/classes"
    rm -rf "$made/aar/classes"
    cp scripts/release/AndroidManifest.xml "$made/aar/"
    : >"$made/aar/R.txt"
    mkdir -p "$made/aar/META-INF/com/android/build/gradle"
    printf 'aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=1\nminAndroidGradlePluginVersion=1.0.0\n' \
        >"$made/aar/META-INF/com/android/build/gradle/aar-metadata.properties"
    local abi
    for abi in arm64-v8a x86_64; do
        mkdir -p "$made/aar/jni/$abi"
        cp "android/src/main/jniLibs/$abi/libpush_authenticator.so" "$made/aar/jni/$abi/"
        # Records the toolchain.
        mkdir -p "$made/aar/META-INF/push-authenticator"
        cp "android/src/main/jniLibs/$abi/toolchain.txt" "$made/aar/META-INF/push-authenticator/toolchain-$abi.txt"
        no_paths "$made/aar/jni/$abi/libpush_authenticator.so"
    done
    licences "$made/aar/META-INF/push-authenticator"

    # Where JNA looks for a library on the class path.
    mkdir -p "$made/jvm/linux-x86-64"
    cp "$native" "$made/jvm/linux-x86-64/"
    no_paths "$native"

    rm -rf "$made/sources" && cp -r bindings/kotlin/src/main/kotlin "$made/sources"
    cp -r bindings/kotlin/src/main/generated/. "$made/sources/"
    licences "$made/sources/META-INF"
    mkdir -p "$made/javadoc"
    unzip -q "$build/push-authenticator-$version-javadoc.jar" -d "$made/javadoc"
    rm -rf "$made/javadoc/META-INF"
    licences "$made/javadoc/META-INF"

    rm -rf "$out/maven"
    local artifact place kind
    for artifact in push-authenticator push-authenticator-android; do
        place=$out/maven/org/pushauthenticator/$artifact/$version
        kind=jar
        [ $artifact = push-authenticator ] || kind=aar
        mkdir -p "$place"
        python3 scripts/release/pom.py bindings/kotlin/pom.xml --artifact "$artifact" --packaging "$kind" \
            >"$place/$artifact-$version.pom"
        pack "$place/$artifact-$version.$kind" "$made/$([ $kind = aar ] && echo aar || echo jvm)"
        pack "$place/$artifact-$version-sources.jar" "$made/sources"
        pack "$place/$artifact-$version-javadoc.jar" "$made/javadoc"
        # The checksums that Maven expects next to each file.
        (cd "$place" && for file in *; do sha1sum "$file" | cut -d ' ' -f 1 | tr -d '\n' >"$file.sha1"; done)
    done
}

# The XCFramework as SwiftPM downloads it, and a package that uses it.
apple() {
    scripts/build-xcframework.sh
    local name=PushAuthenticatorFFI-$version.xcframework.zip framework=bindings/swift/PushAuthenticatorFFI.xcframework checksum place
    mkdir -p "$made/framework" && cp -r "$framework" "$made/framework/"
    rm -rf "$out/apple" && mkdir -p "$out/apple"
    pack "$out/apple/$name" "$made/framework"
    # Same value as `swift package compute-checksum`.
    checksum=$(sha256sum "$out/apple/$name" | cut -d ' ' -f 1)
    place="path: \"$name\""
    [ -z "${RELEASE_URL:-}" ] || place="url: \"${RELEASE_URL%/}/$name\", checksum: \"$checksum\""
    mkdir -p "$made/swift/Sources"
    sed "s|BINARY_PLACE|$place|" scripts/release/Package.swift >"$made/swift/Package.swift"
    cp -r bindings/swift/Sources/PushAuthenticator "$made/swift/Sources/"
    cp bindings/swift/generated/PushAuthenticator.swift bindings/swift/PrivacyInfo.xcprivacy "$made/swift/Sources/PushAuthenticator/"
    mkdir -p "$made/swift/Sources/PushAuthenticatorFFI"
    cp bindings/swift/generated/PushAuthenticatorFFI.h "$made/swift/Sources/PushAuthenticatorFFI/"
    sed 's|\.\./\.\./generated/||' bindings/swift/Sources/PushAuthenticatorFFI/module.modulemap \
        >"$made/swift/Sources/PushAuthenticatorFFI/module.modulemap"
    licences "$made/swift"
    [ -n "${RELEASE_URL:-}" ] || cp "$out/apple/$name" "$made/swift/"
    echo "$checksum" >"$out/apple/$name.checksum"
    pack "$out/apple/PushAuthenticator-swift-$version.zip" "$made/swift"
}

# The crate. Cargo builds it from its own archive in a separate folder.
crate() {
    cargo package --locked --target-dir "$target" ${ALLOW_DIRTY:+--allow-dirty}
    cp "$target/package/push-authenticator-$version.crate" "$out/"
    no_paths "$out/push-authenticator-$version.crate"
}

# The server, which needs nothing else on the machine, with completions and man pages.
server() {
    local triple=x86_64-unknown-linux-musl name=push-authenticator-$version-x86_64-linux compiler
    scripts/add-target.sh $triple
    compiler=$(scripts/release/musl-compiler.sh "$target/musl-toolchain")
    CC_x86_64_unknown_linux_musl=$compiler CFLAGS_x86_64_unknown_linux_musl=$c_paths RUSTFLAGS="${RUSTFLAGS:-} $rust_paths" \
        CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --locked --release --bin push-authenticator --target $triple --target-dir "$target"
    local binary=$target/$triple/release/push-authenticator folder=$made/server/$name
    ldd "$binary" 2>&1 | grep -qE 'statically linked|not a dynamic executable' || stop "the server is not static"
    no_paths "$binary"
    [ "$("$binary" --version)" = "push-authenticator $version" ] || stop "the server says another version"
    mkdir -p "$folder/completions"
    cp "$binary" README.md CHANGELOG.md SECURITY.md "$folder/"
    cp docs/server.md docs/command-line.md docs/upgrade.md "$folder/"
    licences "$folder"
    "$binary" completions bash >"$folder/completions/push-authenticator.bash"
    "$binary" completions zsh >"$folder/completions/_push-authenticator"
    "$binary" completions fish >"$folder/completions/push-authenticator.fish"
    "$binary" man "$folder/man/man1" >/dev/null
    tar --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner -C "$made/server" -cf - "$name" |
        gzip -n -9 >"$out/$name.tar.gz"
}

# The contents of the server and of the library for apps.
sbom() {
    local -x SOURCE_DATE_EPOCH=$date
    python3 scripts/release/sbom.py --features cli --target x86_64-unknown-linux-musl --name push-authenticator-server \
        >"$out/push-authenticator-$version-server.cdx.json"
    python3 scripts/release/sbom.py --features ffi --target aarch64-linux-android --name push-authenticator-library \
        >"$out/push-authenticator-$version-library.cdx.json"
}

for part in "$@"; do
    case $part in
        kotlin | apple | crate | server | sbom) echo "== $part" && "$part" ;;
        *) stop "no part is called $part" ;;
    esac
done
(cd "$out" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | sed 's|^\./||' | xargs -d '\n' sha256sum >SHA256SUMS)
echo "$out: $(wc -l <"$out/SHA256SUMS") files"
