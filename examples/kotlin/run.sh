#!/usr/bin/env bash
# Builds the library and runs the example on this machine's JVM:
#
#   examples/kotlin/run.sh add FOLDER URI      adds the account of a registration URI, the text of the QR code
#   examples/kotlin/run.sh answer FOLDER       waits for a sign-on request and answers it
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
target=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")

(cd "$root" && cargo rustc --quiet --locked --lib --no-default-features --features ffi --crate-type cdylib)
cd "$root/bindings/kotlin"
mvn -q -B test-compile org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=target/example.classpath
cd "$OLDPWD"
exec java -Djna.library.path="$target/debug" \
    -cp "$root/bindings/kotlin/target/classes:$root/bindings/kotlin/target/test-classes:$(cat "$root/bindings/kotlin/target/example.classpath")" \
    org.pushauthenticator.example.PhoneKt "$@"
