"""Reads static libraries for Apple's systems: the members of an archive, and the headers of Mach-O objects."""
import struct

MAGIC_64, CPU_ARM64, CPU_X86_64 = 0xFEEDFACF, 0x0100000C, 0x01000007
LC_SYMTAB, LC_BUILD_VERSION, LC_ID_DYLIB = 0x2, 0x32, 0xD
# Load commands from older compilers, one per system: macOS, iOS.
LC_VERSION_MIN = {0x24: 1, 0x25: 2}
N_STAB, N_TYPE, N_EXT, N_UNDF = 0xE0, 0x0E, 0x01, 0x0
N_WEAK_REF = 0x40


def members(data):
    """Yields the members of an archive as (name, bytes), without its indexes. Reads names from BSD's and GNU's ar."""
    if data[:8] != b"!<arch>\n":
        raise ValueError("not an archive")
    at, long_names = 8, b""
    while at < len(data):
        header = data[at : at + 60]
        if len(header) < 60 or header[58:60] != b"`\n":
            raise ValueError(f"no header of a member at {at}")
        name, size = header[:16].decode().rstrip(), int(header[48:58])
        body = data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
        if name == "//":
            long_names = body
            continue
        if name.startswith("#1/"):
            length = int(name[3:])
            name, body = body[:length].rstrip(b"\0").decode(), body[length:]
        elif name.startswith("/") and name[1:].isdigit():
            start = int(name[1:])
            name = long_names[start : long_names.index(b"\n", start)].decode().rstrip("/")
        if name.rstrip("/") == "" or name.startswith(("__.SYMDEF", "/SYM64")):
            continue
        yield name.rstrip("/"), body


class MachO:
    """The parts of a 64-bit Mach-O file that the checks need."""

    def __init__(self, data):
        if len(data) < 32 or struct.unpack_from("<I", data)[0] != MAGIC_64:
            raise ValueError("not a 64-bit Mach-O file")
        self.data = data
        _, self.cpu, _, self.kind, count, _, _, _ = struct.unpack_from("<IIIIIIII", data)
        self.commands, at = [], 32
        for _ in range(count):
            command, size = struct.unpack_from("<II", data, at)
            self.commands.append((command, at))
            at += size

    def platform(self):
        """Returns (number of the system, minimum version as (major, minor)), or None if the file has none."""
        for command, at in self.commands:
            if command == LC_BUILD_VERSION:
                system, minimum = struct.unpack_from("<II", self.data, at + 8)
            elif command in LC_VERSION_MIN:
                system, minimum = LC_VERSION_MIN[command], struct.unpack_from("<I", self.data, at + 8)[0]
            else:
                continue
            return system, (minimum >> 16, minimum >> 8 & 0xFF)
        return None

    def symbols(self):
        """Yields the global symbols as (name, whether it is defined here, whether it may be missing)."""
        for command, at in self.commands:
            if command != LC_SYMTAB:
                continue
            table, count, texts, _ = struct.unpack_from("<IIII", self.data, at + 8)
            for entry in range(table, table + count * 16, 16):
                name, kind, _, description, value = struct.unpack_from("<IBBHQ", self.data, entry)
                if kind & N_STAB or not kind & N_EXT:
                    continue
                start = texts + name
                # A symbol without a section but with a size is a common symbol, defined by its first mention.
                defined = kind & N_TYPE != N_UNDF or value != 0
                yield self.data[start : self.data.index(b"\0", start)].decode(), defined, bool(description & N_WEAK_REF)
