#!/usr/bin/env bash
# Builds a debug APK without Gradle and without the Android SDK, signs it with a debug key, and verifies it.
#
#   build-apk.sh         after `mvn test` or `mvn test-compile` in this folder
#
# The core is taken from src/main/jniLibs/ABI/libpush_authenticator.so (scripts/build-android.sh). The APK supports the
# ABIs that have one.
# R8 also runs a second time as for a release, and check-release.py checks what became of the names.
# Needs Debian's packages aapt, zipalign, apksigner, android-framework-res and python3; r8 and the libraries come
# through Maven.
set -euo pipefail
cd "$(dirname "$0")"
[ -n "$(ls src/main/jniLibs/*/libpush_authenticator.so 2>/dev/null)" ] || {
    echo "There is no core to pack. Run scripts/build-android.sh first." >&2
    exit 1
}
version=$(sed -n 's|^  <version>\(.*\)</version>|\1|p' pom.xml | head -n 1)
out=target/apk
rm -rf "$out"
mkdir -p "$out/dex" "$out/content/lib"

# The tools and libraries, in the versions of the pom.
mvn -q -B -Papk dependency:copy@apk
mvn -q -B -Papk -Dapk.output="$PWD/target/apk-libraries" dependency:copy-dependencies@apk
./compile-resources.sh "$PWD/$out/resources" "$version" debug

framework=$(ls target/apk-tools/android-all-*.jar)
# That jar omits what every Java has.
java_home=$(dirname "$(dirname "$(realpath "$(command -v java)")")")
libraries=(target/apk-libraries/*.jar)
jar --create --file "$out/app.jar" -C target/classes .
# The compiler for devices: unused code is removed, and names stay readable in a debug build.
java -cp "$(ls target/apk-tools/r8-*.jar)" com.android.tools.r8.R8 --debug --min-api 28 --output "$out/dex" \
    --lib "$java_home" --lib "$framework" --pg-conf ../bindings/kotlin/src/main/resources/META-INF/proguard/push-authenticator.pro --pg-conf proguard-rules.pro --pg-conf debug-rules.pro "$out/app.jar" "${libraries[@]}"

# A release shortens names. What JNA, the generated code and the manifest look up by name must keep its name.
mkdir -p "$out/release"
java -cp "$(ls target/apk-tools/r8-*.jar)" com.android.tools.r8.R8 --release --min-api 28 --output "$out/release" --pg-map-output "$out/release.map" \
    --lib "$java_home" --lib "$framework" --pg-conf ../bindings/kotlin/src/main/resources/META-INF/proguard/push-authenticator.pro --pg-conf proguard-rules.pro "$out/app.jar" "${libraries[@]}"
python3 check-release.py "$out/release" "$out/release.map" "$out/app.jar" "${libraries[@]}"

# The core and JNA's own native half, for the ABIs that have both: with only one of them, an app would install and then
# crash at its first screen.
unzip -q -o target/apk-tools/jna-*.aar 'jni/*' -d "$out/jna"
name=push-authenticator-$version-debug
abis=()
for core in src/main/jniLibs/*/libpush_authenticator.so; do
    abi=$(basename "$(dirname "$core")")
    [ -f "$out/jna/jni/$abi/libjnidispatch.so" ] || { echo "JNA has no native half for $abi" >&2; exit 1; }
    mkdir -p "$out/content/lib/$abi" "$out/content/META-INF/push-authenticator"
    cp "$core" "$out/jna/jni/$abi/libjnidispatch.so" "$out/content/lib/$abi/"
    cp "src/main/jniLibs/$abi/toolchain.txt" "$out/content/META-INF/push-authenticator/toolchain-$abi.txt"
    abis+=("$abi")
done

cp "$out/resources/resources.apk" "$out/unaligned.apk"
# From the libraries' other files, only services and licenses: JNA's jar contains libraries for every desktop.
(cd "$out/dex" && zip -q -r ../unaligned.apk classes*.dex META-INF/services META-INF/AL2.0 META-INF/LGPL2.1 META-INF/LICENSE)
(cd "$out/content" && zip -q -r ../unaligned.apk lib META-INF)
zipalign -f -p 4 "$out/unaligned.apk" "$out/aligned.apk"

key=target/debug.keystore
if [ ! -f "$key" ]; then
    keytool -genkeypair -keystore "$key" -storepass android -keypass android -alias androiddebugkey -keyalg RSA -keysize 2048 \
        -validity 10000 -dname 'CN=Android Debug,O=Android,C=US' 2>/dev/null
fi
apk=target/$name.apk
apksigner sign --ks "$key" --ks-pass pass:android --min-sdk-version 28 --out "$apk" "$out/aligned.apk"

# Problems that would keep the APK from being installed or started.
signed=$(apksigner verify --min-sdk-version 28 --verbose "$apk")
grep -E '^Verifies$|scheme v[23]' <<<"$signed" || { echo "$apk is not signed well" >&2; exit 1; }
apksigner verify --min-sdk-version 28 "$apk"
zipalign -c -p 4 "$apk"
badging=$(aapt2 dump badging "$apk")
for line in "package: name='org.pushauthenticator.app'" "sdkVersion:'28'" "targetSdkVersion:'35'" \
    "launchable-activity: name='org.pushauthenticator.app.screens.AccountsActivity'"; do
    grep -qF "$line" <<<"$badging" || { echo "$apk does not say: $line" >&2; exit 1; }
done
# Android 11 and newer reject a compressed resource table.
listing=$(unzip -v "$apk" resources.arsc)
grep -q Stored <<<"$listing" || { echo "$apk holds compressed resources" >&2; exit 1; }
# Every class named in the manifest must be in the dex files.
manifest=$(aapt2 dump xmltree --file AndroidManifest.xml "$apk")
classes=$(grep -oE 'org\.pushauthenticator\.app\.[a-z.]*[A-Z][A-Za-z]*' src/main/AndroidManifest.xml | sort -u)
unzip -q -o "$apk" 'classes*.dex' -d "$out/check"
for class in $classes org.pushauthenticator.app.screens.GuardedLayout; do
    grep -qF "$class" <<<"$manifest" || [[ $class == *GuardedLayout ]] || { echo "the manifest lost $class" >&2; exit 1; }
    grep -qaF "L${class//./\/};" "$out"/check/classes*.dex || { echo "$class is not in the APK" >&2; exit 1; }
done
# Each ABI must have both native halves.
for abi in $(unzip -Z1 "$apk" | sed -n 's|^lib/\([^/]*\)/.*|\1|p' | sort -u); do
    for library in libpush_authenticator.so libjnidispatch.so; do
        unzip -Z1 "$apk" "lib/$abi/$library" >/dev/null || { echo "$apk has no $library for $abi" >&2; exit 1; }
    done
done
echo "$apk: $(wc -c <"$apk") bytes, $(wc -w <<<"$classes") classes of the manifest found, core for ${abis[*]}"
