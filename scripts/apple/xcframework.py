#!/usr/bin/env python3
"""Combines static libraries into an XCFramework, as `xcodebuild -create-xcframework` does.

    xcframework.py FOLDER OUT --headers bindings/swift/generated --toolchain TEXT [--licences FILE...]

FOLDER contains TRIPLE.a for each target. lipo, which only a Mac has, joins two processors of one system. toolchain.txt
in OUT records what built the libraries. Standard library only.
"""
import argparse
import os
import plistlib
import shutil
import subprocess

LIBRARY = "libpush_authenticator.a"
# By system and variant: the triples, each with its processor's name.
SYSTEMS = {
    ("ios", None): {"aarch64-apple-ios": "arm64"},
    ("ios", "simulator"): {"aarch64-apple-ios-sim": "arm64", "x86_64-apple-ios": "x86_64"},
    ("macos", None): {"aarch64-apple-darwin": "arm64", "x86_64-apple-darwin": "x86_64"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--headers", required=True)
    parser.add_argument("--toolchain", required=True)
    parser.add_argument("--licences", nargs="*", default=[])
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    libraries = []
    for (system, variant), triples in SYSTEMS.items():
        made = {os.path.join(arguments.folder, triple + ".a"): name for triple, name in triples.items()}
        made = {file: name for file, name in made.items() if os.path.exists(file)}
        if not made:
            continue
        identifier = f"{system}-{'_'.join(sorted(made.values()))}" + (f"-{variant}" if variant else "")
        headers = os.path.join(arguments.out, identifier, "Headers")
        os.makedirs(headers)
        library = os.path.join(arguments.out, identifier, LIBRARY)
        if len(made) == 1:
            shutil.copyfile(next(iter(made)), library)
        else:
            subprocess.run(["lipo", "-create", *made, "-output", library], check=True)
        shutil.copyfile(os.path.join(arguments.headers, "PushAuthenticatorFFI.h"), os.path.join(headers, "PushAuthenticatorFFI.h"))
        shutil.copyfile(os.path.join(arguments.headers, "PushAuthenticatorFFI.modulemap"), os.path.join(headers, "module.modulemap"))
        entry = {
            "BinaryPath": LIBRARY, "HeadersPath": "Headers", "LibraryIdentifier": identifier, "LibraryPath": LIBRARY,
            "SupportedArchitectures": sorted(made.values()), "SupportedPlatform": system,
        }
        libraries.append(entry | ({"SupportedPlatformVariant": variant} if variant else {}))
    if not libraries:
        parser.error(f"{arguments.folder} holds no library")
    with open(os.path.join(arguments.out, "Info.plist"), "wb") as file:
        plistlib.dump({"AvailableLibraries": libraries, "CFBundlePackageType": "XFWK", "XCFrameworkFormatVersion": "1.0"}, file)
    with open(os.path.join(arguments.out, "toolchain.txt"), "w") as file:
        file.write(arguments.toolchain + "\n")
    for licence in arguments.licences:
        shutil.copyfile(licence, os.path.join(arguments.out, os.path.basename(licence)))


if __name__ == "__main__":
    main()
