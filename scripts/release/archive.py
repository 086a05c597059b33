#!/usr/bin/env python3
"""Packs a folder into a reproducible zip (a jar, an aar): sorted, with one date, and nothing specific to this machine.

    archive.py OUT FOLDER

SOURCE_DATE_EPOCH is the date of every entry. A manifest comes first, as in jars. Standard library only.
"""
import os
import sys
import time
import zipfile


def main():
    out, folder = sys.argv[1:]
    date = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    files = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        files += [os.path.relpath(os.path.join(place, name), folder) for name in names]
    files.sort(key=lambda name: (name != "META-INF/MANIFEST.MF", name))
    with zipfile.ZipFile(out, "w") as archive:
        for name in files:
            path = os.path.join(folder, name)
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            with open(path, "rb") as file:
                archive.writestr(entry, file.read(), compresslevel=9)


if __name__ == "__main__":
    main()
