#!/usr/bin/env bash
# Runs every test of the project. Installs missing test dependencies where it can (as root on a system with apt). Lists
# suites that could not run at the end, and then fails.
#
#   tests/run.sh        every suite: required before a change is merged
#   tests/run.sh full   the same with higher counts (kills, fuzzing) and the slowest suites: comparing builds, load
#   tests/run.sh short  without a browser, the libraries for apps, and the slowest suites
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
failed=()
tier=${1:-normal}
case $tier in
    normal) phone_kills=10 server_kills=10 fuzz_runs=20000 ;;
    full) phone_kills=300 server_kills=100 fuzz_runs=1000000 ;;
    short) ;;
    *) echo "usage: tests/run.sh [full|short]" >&2 && exit 2 ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }

updated=false
# install NAME PACKAGE...: tries to install; the caller checks whether that helped.
install() {
    local name=$1
    shift
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        return 1
    fi
    echo "== installing $name: $*"
    if ! $updated; then
        apt-get -q update >/dev/null && updated=true
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" >/dev/null
}

# need SUITE PROGRAM PACKAGE...: makes sure that the program exists, installing it if possible.
need() {
    local suite=$1 program=$2
    shift 2
    have "$program" || install "$program" "$@"
    have "$program" && return 0
    missing+=("$suite (needs $program)")
    return 1
}

# need_file SUITE FILE PACKAGE...: makes sure that the file exists, installing it if possible.
need_file() {
    local suite=$1 file=$2
    shift 2
    [ -f "$file" ] || install "$file" "$@"
    [ -f "$file" ] && return 0
    missing+=("$suite (needs $file)")
    return 1
}

# need_module SUITE MODULE PACKAGE...: makes sure that the Python module exists, installing it if possible.
need_module() {
    local suite=$1 module=$2
    shift 2
    python3 -c "import $module" 2>/dev/null || install "$module" "$@"
    python3 -c "import $module" 2>/dev/null && return 0
    missing+=("$suite (needs Python's $module)")
    return 1
}

# need_moto SUITE: makes sure that there is a Python with moto[server], an independent implementation of Amazon SNS.
need_moto() {
    local environment=${CARGO_TARGET_DIR:-target}/python
    PUSH_TEST_PYTHON=${PUSH_TEST_PYTHON:-$environment/bin/python3}
    export PUSH_TEST_PYTHON
    "$PUSH_TEST_PYTHON" -c "import moto.server, moto.sns, boto3" 2>/dev/null && return 0
    echo "== installing moto[server] into $environment"
    python3 -m venv --clear "$environment" >/dev/null 2>&1 || {
        install "python3-venv" python3-venv && python3 -m venv --clear "$environment" >/dev/null
    }
    "$environment/bin/python3" -m pip install --quiet 'moto[server]>=5,<6' boto3 >/dev/null 2>&1
    "$PUSH_TEST_PYTHON" -c "import moto.server, moto.sns, boto3" 2>/dev/null && return 0
    missing+=("$1 (needs a Python with moto[server], from PyPI)")
    return 1
}

# need_nightly SUITE: makes sure that there is a nightly compiler.
need_nightly() {
    local toolchain=${FUZZ_TOOLCHAIN:-nightly}
    rustc "+$toolchain" -V >/dev/null 2>&1 && return 0
    if have rustup; then
        echo "== installing the $toolchain compiler"
        rustup toolchain install "$toolchain" --profile minimal >/dev/null 2>&1
    fi
    rustc "+$toolchain" -V >/dev/null 2>&1 && return 0
    missing+=("$1 (needs a $toolchain compiler: rustup toolchain install $toolchain)")
    return 1
}

# need_node_modules SUITE: makes sure that the packages listed in tests/node are installed: axe-core, whose rules the
# pages must meet, and Ping's SDKs and login widget for web pages.
need_node_modules() {
    need "$1" npm nodejs npm || return 1
    npm ci --prefix tests/node --no-audit --no-fund --silent && return 0
    missing+=("$1 (needs its packages: npm ci in tests/node)")
    return 1
}

# need_swift SUITE: makes sure that there is a Swift toolchain, the machine's or one in a separate folder.
need_swift() {
    scripts/install-swift.sh --is-here && return 0
    echo "== installing Swift"
    if have apt-get && [ "$(id -u)" = 0 ]; then
        $updated || { apt-get -q update >/dev/null && updated=true; }
    fi
    scripts/install-swift.sh >/dev/null && return 0
    missing+=("$1 (needs Swift 6)")
    return 1
}

# suite NAME COMMAND...: runs it and continues after a failure, so that one run reports everything.
suite() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        echo "== $name: passed in $((SECONDS - began)) s"
    else
        failed+=("$name")
        echo "== $name: FAILED after $((SECONDS - began)) s"
    fi
}

if ! have cargo; then
    echo "Rust 1.95 or newer is needed: cargo is not on the path." >&2
    exit 1
fi
need "C compiler" cc gcc libc6-dev

# Succeeds if a file system of a few kilobytes can be created, as the full-disk tests need.
may_mount() {
    local folder status
    folder=$(mktemp -d)
    mount -t tmpfs -o size=64k tmpfs "$folder" 2>/dev/null && umount "$folder"
    status=$?
    rmdir "$folder"
    return $status
}

lints() {
    cargo clippy --locked --all-targets -- -D warnings
}
# Exercises Ping's own web SDKs against the server that the tests have built.
web_sdks() {
    cargo build --locked &&
        PUSH_AUTHENTICATOR=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/push-authenticator \
            node --test tests/node/javascript_sdk.mjs tests/node/journey_client.mjs
}
border_lints() {
    cargo clippy --locked --no-default-features --features ffi -- -D warnings
}
# Each set of features by itself: what one of them needs must not come in by another alone.
feature_sets() {
    cargo check --locked --lib --no-default-features &&
        cargo check --locked --lib --no-default-features --features ffi &&
        cargo check --locked --lib --no-default-features --features server &&
        cargo check --locked --lib --bin push-authenticator --no-default-features --features cli
}
# need_deny SUITE: whether cargo-deny is there, in the end: the machine's, or one in a folder of its own.
need_deny() {
    local tools=${XDG_CACHE_HOME:-$HOME/.cache}/push-authenticator/tools
    PATH=$PATH:$tools/bin
    have cargo-deny && return 0
    echo "== installing cargo-deny into $tools"
    cargo install --quiet --locked cargo-deny --root "$tools" && have cargo-deny && return 0
    missing+=("$1 (needs cargo-deny)")
    return 1
}

tests=(--lib --test phone --test protocol --test architecture --test server)
may_mount || missing+=("full disk (needs root on Linux, to mount a small file system)")
suite "formatting" cargo fmt --check
if need "command line" python3 python3 && need_module "command line" cryptography python3-cryptography &&
    need "command line" curl curl && need "command line" jq jq && need "command line" openssl openssl; then
    tests+=(--test command_line)
    suite "proofs of device keys" python3 tests/verify_proofs.py tests/vectors/proofs docs/wire.md
    suite "the webhook's example" python3 tests/verify_webhook.py docs/wire.md
fi
if need "push" python3 python3 && need_moto "push"; then
    tests+=(--test push)
fi
suite "Rust" cargo test --locked "${tests[@]}"
if need_node_modules "web SDKs"; then
    suite "web SDKs" web_sdks
fi
suite "lints" lints
suite "lints of the border" border_lints
suite "feature sets" feature_sets
if need_deny "dependencies"; then
    # Advisories are left to a machine that can fetch their database.
    suite "dependencies" cargo deny --locked --offline check bans licenses sources
fi
if [ "$tier" = short ]; then
    echo "== left out: browser, crash, server killed, Kotlin, library for apps, Android machine code, arm64 on bionic, Swift, Apple library, Android, documentation, fuzz"
else
    if need "browser" chromedriver chromium chromium-driver && need_node_modules "browser"; then
        # Each test runs a browser; running more at once than there are cores only makes them wait for each other.
        suite "browser" cargo test --locked --test browser -- --test-threads=1
    fi
    # Children are killed at random moments within each operation's own duration; the run prints how many and where.
    suite "crash" env KILLS=$phone_kills cargo test --locked --no-default-features --test crash -- --nocapture
    suite "server killed" env KILLS=$server_kills cargo test --locked --test killed -- --nocapture
    if need "Kotlin" java openjdk-17-jdk-headless && need "Kotlin" mvn maven && need "Kotlin" python3 python3; then
        suite "Kotlin" tests/kotlin.sh
        suite "library for apps" tests/mobile.sh
    fi
    if need "Android machine code" java openjdk-17-jdk-headless && need "Android machine code" mvn maven &&
        need "Android machine code" python3 python3 && need "Android machine code" unzip unzip; then
        suite "Android machine code" tests/android_code.sh
    fi
    if need "arm64 on bionic" java openjdk-17-jdk-headless && need "arm64 on bionic" mvn maven &&
        need "arm64 on bionic" python3 python3 && need "arm64 on bionic" unzip unzip; then
        suite "arm64 on bionic" tests/android_arm64.sh
    fi
    if need_swift "Swift"; then
        suite "Swift" tests/swift.sh
    fi
    if need "Apple library" python3 python3; then
        suite "Apple library" tests/apple.sh "$([ "$tier" = full ] && echo 2 || echo 1)"
    fi
    if need "Android" java openjdk-17-jdk-headless && need "Android" mvn maven && need "Android" python3 python3 &&
        need "Android" aapt2 aapt && need "Android" zipalign zipalign && need "Android" apksigner apksigner &&
        need "Android" zip zip && need "Android" unzip unzip &&
        need_file "Android" /usr/share/android-framework-res/framework-res.apk android-framework-res; then
        suite "Android" tests/android.sh
    fi
    if [ "$tier" = full ] && need "artefacts" java openjdk-17-jdk-headless && need "artefacts" mvn maven &&
        need "artefacts" python3 python3 && need "artefacts" unzip unzip && need_swift "artefacts"; then
        suite "artefacts" tests/artefacts.sh
    fi
    suite "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --features ffi
    if need_nightly "fuzz"; then
        suite "fuzz" env RUNS=$fuzz_runs fuzz/run.sh
    fi
fi
if [ "$tier" = full ]; then
    if need "reproducible builds" python3 python3; then
        suite "reproducible builds" tests/reproducible.sh
    fi
    suite "load" cargo bench --locked --bench load
fi

echo
if [ ${#missing[@]} -gt 0 ]; then
    printf 'NOT RUN: %s\n' "${missing[@]}"
fi
if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
fi
if [ ${#missing[@]} -gt 0 ] || [ ${#failed[@]} -gt 0 ]; then
    exit 1
fi
echo "Every suite that was asked for was run and passed, in $SECONDS s."
