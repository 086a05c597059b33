#!/usr/bin/env python3
"""Checks that a phone can load a library for Android.

    check.py FILE --abi arm64-v8a [--names FOLDER]

- It is a shared object of the ABI.
- It depends on nothing but libc, libm, libdl, and liblog.
- These libraries export every undefined symbol; --names is a folder with stubs of them (scripts/android/toolchain.sh).
- Its segments are aligned to 16 KiB.
- It contains no path of the machine that built it.

Prints the size and one line per defect; any defect makes the exit status 1. Standard library only.
"""
import argparse
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from builder_paths import builder_paths  # noqa: E402

MACHINES = {"arm64-v8a": 183, "x86_64": 62, "armeabi-v7a": 40}
ALLOWED = {"libc.so", "libm.so", "libdl.so", "liblog.so"}
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 1, 5, 6, 10
SHT_DYNSYM = 11


class Elf:
    """The parts of a little-endian ELF file that this check needs."""

    def __init__(self, data):
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise ValueError("not a little-endian ELF file")
        self.data, self.wide = data, data[4] == 2
        head = "<HHIQQQIHHHHHH" if self.wide else "<HHIIIIIHHHHHH"
        (self.kind, self.machine, _, _, ph, sh, _, _, ph_size, ph_count, sh_size, sh_count, _) = struct.unpack_from(head, data, 16)
        self.segments = [self.segment(ph + at * ph_size) for at in range(ph_count)]
        self.sections = [self.section(sh + at * sh_size) for at in range(sh_count)]

    def segment(self, at):
        """(type, offset, address, size in the file, alignment)"""
        if self.wide:
            kind, _, offset, address, _, size, _, align = struct.unpack_from("<IIQQQQQQ", self.data, at)
        else:
            kind, offset, address, _, size, _, _, align = struct.unpack_from("<IIIIIIII", self.data, at)
        return kind, offset, address, size, align

    def section(self, at):
        """(type, offset, size, index of the linked section, size of an entry)"""
        if self.wide:
            _, kind, _, _, offset, size, link, _, _, entry = struct.unpack_from("<IIQQQQIIQQ", self.data, at)
        else:
            _, kind, _, _, offset, size, link, _, _, entry = struct.unpack_from("<IIIIIIIIII", self.data, at)
        return kind, offset, size, link, entry

    def text(self, at):
        return self.data[at : self.data.index(b"\0", at)].decode()

    def offset(self, address):
        """Returns the file offset of a memory address."""
        for kind, offset, start, size, _ in self.segments:
            if kind == PT_LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(f"address {address:#x} is in no segment")

    def dynamic(self):
        """Yields the entries of the dynamic section as (tag, value)."""
        form = "<QQ" if self.wide else "<II"
        for kind, offset, _, size, _ in self.segments:
            if kind == PT_DYNAMIC:
                for at in range(offset, offset + size, struct.calcsize(form)):
                    yield struct.unpack_from(form, self.data, at)

    def needed(self):
        entries = list(self.dynamic())
        texts = self.offset(next(value for tag, value in entries if tag == DT_STRTAB))
        return [self.text(texts + value) for tag, value in entries if tag == DT_NEEDED]

    def symbols(self):
        """Yields the dynamic symbols as (name, whether it is defined here, whether it is weak)."""
        for kind, offset, size, link, entry in self.sections:
            if kind != SHT_DYNSYM:
                continue
            texts = self.sections[link][1]
            for at in range(offset + entry, offset + size, entry):
                if self.wide:
                    name, info, _, section = struct.unpack_from("<IBBH", self.data, at)
                else:
                    name, _, _, info, _, section = struct.unpack_from("<IIIBBH", self.data, at)
                yield self.text(texts + name), section != 0, info >> 4 == 2


def problems(data, abi, names):
    """Yields the defects of a library, one line each."""
    elf = Elf(data)
    if elf.kind != 3 or elf.machine != MACHINES[abi]:
        yield f"not a shared object for {abi}"
    for library in elf.needed():
        if library not in ALLOWED:
            yield f"needs {library}, which Android does not offer to apps"
    for kind, _, address, _, align in elf.segments:
        if kind == PT_LOAD and align < 0x4000:
            yield f"the segment at {address:#x} is aligned to {align:#x}, not to 16 KiB"
    if names:
        known = set()
        for library in ALLOWED:
            with open(os.path.join(names, library), "rb") as file:
                known.update(name for name, defined, _ in Elf(file.read()).symbols() if defined)
        for name, defined, weak in elf.symbols():
            if not defined and not weak and name not in known:
                yield f"uses {name}, which the system's libraries do not export"
    for path in builder_paths(data):
        yield f"holds a path of the machine that built it: {path}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--abi", choices=MACHINES, required=True)
    parser.add_argument("--names", help="a folder with stubs of the system's libraries")
    arguments = parser.parse_args()
    with open(arguments.file, "rb") as file:
        data = file.read()
    found = list(problems(data, arguments.abi, arguments.names))
    for problem in found:
        print(f"{arguments.file}: {problem}", file=sys.stderr)
    print(f"{arguments.abi}: {len(data)} bytes, needs {', '.join(Elf(data).needed())}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
