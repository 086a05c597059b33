#!/usr/bin/env python3
"""Writes an artifact's bill of materials (SBOM) as CycloneDX 1.5 in JSON, from cargo's resolved dependencies.

    sbom.py --features cli --target x86_64-unknown-linux-musl --name push-authenticator-server > OUT

It lists the linked crates by cargo's kind of dependency (`excluded` are those used only for building), and SQLite,
whose source ships in libsqlite3-sys. SOURCE_DATE_EPOCH is its date; the same commit gives the same bytes. Standard
library only.
"""
import argparse
import json
import os
import re
import subprocess
import time
import uuid


def metadata(features, target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--no-default-features", "--features", features,
               "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def reached(nodes, root, kinds):
    """Returns the packages reachable from the root over dependencies of these kinds (None is the usual one)."""
    seen, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        waiting += [one["pkg"] for one in nodes[package]["deps"] if any(kind["kind"] in kinds for kind in one["dep_kinds"])]
    return seen


def licences(package):
    # Cargo's old syntax for a choice of licenses.
    text = (package.get("license") or "").replace("/", " OR ")
    return {"licenses": [{"expression": text}]} if text else {}


def url(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def checksums():
    """Returns the checksums in Cargo.lock by name and version."""
    with open("Cargo.lock") as file:
        entries = re.findall(r'name = "([^"]*)"\nversion = "([^"]*)"\nsource = [^\n]*\nchecksum = "([^"]*)"', file.read())
    return {(name, version): checksum for name, version, checksum in entries}


def sqlite(packages):
    """Returns the SQLite that libsqlite3-sys compiles."""
    crate = next((one for one in packages if one["name"] == "libsqlite3-sys"), None)
    if crate is None:
        return None, None
    with open(os.path.join(os.path.dirname(crate["manifest_path"]), "sqlite3", "sqlite3.h")) as file:
        version = re.search(r'#define SQLITE_VERSION\s+"([^"]*)"', file.read())[1]
    reference = f"pkg:generic/sqlite@{version}"
    return url(crate), {"type": "library", "bom-ref": reference, "name": "sqlite", "version": version, "purl": reference, "scope": "required",
                        "cpe": f"cpe:2.3:a:sqlite:sqlite:{version}:*:*:*:*:*:*:*", "licenses": [{"license": {"name": "Public Domain"}}]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--name", required=True)
    arguments = parser.parse_args()
    known = metadata(arguments.features, arguments.target)
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    root = known["resolve"]["root"]
    linked, used = reached(nodes, root, {None}), reached(nodes, root, {None, "build"})
    packages = sorted((one for one in known["packages"] if one["id"] in used), key=url)
    names, sums = {one["id"]: url(one) for one in packages}, checksums()
    own = next(one for one in packages if one["id"] == root)
    components, graph = [], []
    for one in packages:
        on = sorted({names[dependency["pkg"]] for dependency in nodes[one["id"]]["deps"] if dependency["pkg"] in names
                     and any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"])})
        graph.append({"ref": url(one), "dependsOn": on})
        if one["id"] == root:
            continue
        component = {"type": "library", "bom-ref": url(one), "name": one["name"], "version": one["version"], "purl": url(one),
                     "scope": "required" if one["id"] in linked else "excluded"} | licences(one)
        if checksum := sums.get((one["name"], one["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
    crate, source = sqlite(packages)
    if source:
        components.append(source)
        next(one for one in graph if one["ref"] == crate)["dependsOn"].append(source["bom-ref"])
        graph.append({"ref": source["bom-ref"], "dependsOn": []})
    text = json.dumps([components, arguments.name, own["version"]], sort_keys=True)
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    print(json.dumps({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}", "version": 1,
        "metadata": {
            "timestamp": date,
            "component": {"type": "application" if "cli" in arguments.features else "library", "bom-ref": url(own),
                          "name": arguments.name, "version": own["version"], "purl": url(own)} | licences(own),
            "properties": [{"name": "features", "value": arguments.features}, {"name": "target", "value": arguments.target}],
        },
        "components": components, "dependencies": graph,
    }, indent=2))


if __name__ == "__main__":
    main()
