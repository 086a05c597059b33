#!/usr/bin/env python3
"""Checks that an app can link a static library for Apple's systems.

    check.py ARCHIVE --triple aarch64-apple-ios --header FILE.h [--names libSystem.tbd]

- Every member is a Mach-O object for the architecture and the system, and requires no newer version than the app does.
- Every function of the generated header is defined.
- libSystem exports every undefined symbol, according to ziglang's list; --names is that list. With it, rust-lld also
  links the whole archive to a dylib against a stub of these names.
- It contains no path of the machine that built it.

IPHONEOS_DEPLOYMENT_TARGET and MACOSX_DEPLOYMENT_TARGET set the oldest version. Prints the findings and one line per
defect; any defect makes the exit status 1. Standard library only.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(here, ".."))
from builder_paths import builder_paths  # noqa: E402
from macho import CPU_ARM64, CPU_X86_64, MachO, members  # noqa: E402

# By triple: processor, number of the system, its name in a stub and for the linker, and the variable with its oldest
# version.
TARGETS = {
    "aarch64-apple-ios": (CPU_ARM64, 2, "ios", "IPHONEOS_DEPLOYMENT_TARGET"),
    "aarch64-apple-ios-sim": (CPU_ARM64, 7, "ios-simulator", "IPHONEOS_DEPLOYMENT_TARGET"),
    "x86_64-apple-ios": (CPU_X86_64, 7, "ios-simulator", "IPHONEOS_DEPLOYMENT_TARGET"),
    "aarch64-apple-darwin": (CPU_ARM64, 1, "macos", "MACOSX_DEPLOYMENT_TARGET"),
    "x86_64-apple-darwin": (CPU_X86_64, 1, "macos", "MACOSX_DEPLOYMENT_TARGET"),
}
MH_OBJECT, MH_DYLIB = 1, 6


def header_functions(text):
    """Returns the names of the functions that a generated header declares."""
    return set(re.findall(r"\b((?:uniffi|ffi)_[a-z0-9_]+)\s*\(", text))


def known_names(text):
    """Returns the exported names in a system library's list (.tbd), except those for other processors only."""
    found = set()
    for targets, names in re.findall(r"targets:\s*\[([^\]]*)\]\s+symbols:\s*\[([^\]]*)\]", text):
        if "arm64" in targets:
            found.update(name.strip().strip("'\"") for name in names.split(",") if name.strip())
    for names in re.findall(r"weak-symbols:\s*\[([^\]]*)\]", text):
        found.update(name.strip().strip("'\"") for name in names.split(",") if name.strip())
    return found


class Library:
    """The contents of an archive, and its defects."""

    def __init__(self, data, triple):
        self.data, self.triple = data, triple
        self.cpu, self.system, self.name, variable = TARGETS[triple]
        self.oldest = tuple(int(part) for part in os.environ[variable].split("."))
        self.wrong, self.defined, self.undefined = [], set(), set()
        self.minimums = collections.Counter()
        for name, body in members(data):
            self.member(name, body)
        if not self.minimums:
            self.wrong.append("holds no object")
        elif max(self.minimums) != self.oldest:
            self.wrong.append(f"is for {max(self.minimums)}, not {self.oldest}: the deployment target was not passed on")

    def member(self, name, body):
        try:
            macho = MachO(body)
        except ValueError as error:
            self.wrong.append(f"{name}: {error}")
            return
        if macho.kind != MH_OBJECT or macho.cpu != self.cpu:
            self.wrong.append(f"{name}: not an object for {self.triple} (kind {macho.kind}, processor {macho.cpu:#x})")
        system, minimum = macho.platform() or (None, None)
        if system != self.system:
            self.wrong.append(f"{name}: for the system {system}, not {self.system}")
        elif minimum > self.oldest:
            self.wrong.append(f"{name}: asks for {minimum}, newer than {self.oldest}")
        else:
            self.minimums[minimum] += 1
        for symbol, defined, weak in macho.symbols():
            if defined:
                self.defined.add(symbol)
            elif not weak:
                self.undefined.add(symbol)

    def needed(self):
        return sorted(self.undefined - self.defined)


def link(archive, library, functions, names):
    """Links the whole archive to a dylib against a stub of the system's names; returns the errors."""
    with tempfile.TemporaryDirectory() as folder:
        stub, made = os.path.join(folder, "libSystem.tbd"), os.path.join(folder, "library.dylib")
        target = ("arm64-" if library.cpu == CPU_ARM64 else "x86_64-") + library.name
        exported = ", ".join(f"'{name}'" for name in sorted(names))
        with open(stub, "w") as file:
            file.write(f"--- !tapi-tbd\ntbd-version: 4\ntargets: [ {target} ]\ninstall-name: '/usr/lib/libSystem.B.dylib'\n"
                       f"exports:\n  - targets: [ {target} ]\n    symbols: [ {exported} ]\n...\n")
        sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
        host = re.search(r"^host: (.*)$", subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout, re.M)[1]
        lld = os.path.join(sysroot, "lib", "rustlib", host, "bin", "rust-lld")
        version = ".".join(str(part) for part in library.oldest)
        done = subprocess.run(
            [lld, "-flavor", "darwin", "-arch", target.split("-")[0], "-platform_version", library.name, version, version,
             "-dylib", "-install_name", "@rpath/library.dylib", "-all_load", archive, stub, "-o", made],
            capture_output=True, text=True)
        if done.returncode != 0:
            yield "does not link: " + "; ".join(done.stderr.splitlines()[:5])
            return
        with open(made, "rb") as file:
            dylib = MachO(file.read())
        exports = {name for name, defined, _ in dylib.symbols() if defined}
        if dylib.kind != MH_DYLIB or dylib.platform() != (library.system, library.oldest):
            yield f"linked to something else than a library for {library.triple}: {dylib.kind}, {dylib.platform()}"
        if missing := sorted(function for function in functions if "_" + function not in exports):
            yield f"linked, but {len(missing)} functions are not exported, such as {missing[0]}"
        print(f"{library.triple}: links to a dylib that exports all {len(functions)} functions")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("--triple", choices=TARGETS, required=True)
    parser.add_argument("--header", required=True)
    parser.add_argument("--names", help="ziglang's list of what libSystem exports")
    arguments = parser.parse_args()
    with open(arguments.archive, "rb") as file:
        data = file.read()
    with open(arguments.header) as file:
        functions = header_functions(file.read())
    library = Library(data, arguments.triple)
    wrong = library.wrong
    if not functions:
        wrong.append(f"{arguments.header} declares no function")
    wrong += [f"does not define {name}" for name in sorted(functions) if "_" + name not in library.defined]
    wrong += [f"holds a path of the machine that built it: {path}" for path in builder_paths(data)]
    if arguments.names:
        with open(arguments.names) as file:
            names = known_names(file.read())
        wrong += [f"uses {name}, which libSystem does not export" for name in library.needed() if name not in names]
        if not wrong:
            wrong += link(arguments.archive, library, functions, names)
    for problem in wrong[:40]:
        print(f"{arguments.archive}: {problem}", file=sys.stderr)
    versions = ", ".join(f"{count} from {major}.{minor}" for (major, minor), count in sorted(library.minimums.items()))
    print(f"{arguments.triple}: {len(data)} bytes, objects {versions}; {len(functions)} functions of the header, "
          f"{len(library.needed())} symbols of the system")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
