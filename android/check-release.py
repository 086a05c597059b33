#!/usr/bin/env python3
"""Checks R8's output for a release: names are shortened, except those that are looked up at run time.

    check-release.py DEX_FOLDER MAP JAR...

Independent of the rules: takes the classes that must stay from the jars, and looks for them in the dex files and R8's
map.
"""
import pathlib
import re
import sys
import zipfile

KEPT = ("com/sun/jna/", "org/pushauthenticator/")
# Fields that native code reads through JNA's Structure, and what coroutines find as a service.
FIELDS = {"org.pushauthenticator.RustBuffer": {"capacity", "len", "data"}, "org.pushauthenticator.UniffiRustCallStatus": {"code", "error_buf"}}
SERVICES = ("kotlinx/coroutines/android/AndroidDispatcherFactory",)


def main(folder, mapping, *jars):
    dex = b"".join(file.read_bytes() for file in sorted(pathlib.Path(folder).glob("*.dex")))
    names = [name[: -len(".class")] for jar in jars for name in zipfile.ZipFile(jar).namelist() if name.endswith(".class")]
    kept = [name for name in names if name.startswith(KEPT) and not name.endswith(("package-info", "module-info"))]
    wrong = [f"{name} is not there" for name in [*kept, *SERVICES] if f"L{name};".encode() not in dex]
    # R8 adds synthetic classes next to these; nothing looks those up by name.
    mine = {name.replace("/", ".") for name in kept}
    shortened, owner = 0, None
    for line in pathlib.Path(mapping).read_text().splitlines():
        if line.startswith("#") or line.lstrip().startswith("#"):
            continue
        if found := re.fullmatch(r"(\S+) -> (\S+):", line):
            owner, now = found.groups()
            shortened += owner != now
            if owner != now and owner in mine:
                wrong.append(f"{owner} is called {now}")
        elif found := re.fullmatch(r"\s+[\w.$\[\]]+ (\w+) -> (\w+)", line):
            field, now = found.groups()
            if field != now and owner in mine:
                wrong.append(f"{owner}.{field} is called {now}")
    for owner, expected in FIELDS.items():
        for field in expected:
            # A dex file stores a name as its length and its letters, followed by a zero.
            if bytes([len(field)]) + field.encode() + b"\0" not in dex:
                wrong.append(f"{owner}.{field} is not there")
    if len(kept) < 200 or shortened < 100:
        wrong.append(f"{len(kept)} classes to be kept and {shortened} shortened names: the check found nothing to check")
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    print(f"release: {len(kept)} classes keep their names, {shortened} have shorter ones, {len(wrong)} problems")
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
