"""Finds paths of the machine that built a file, which no artefact may hold."""
import os
import re


def builder_paths(data):
    """Paths of a machine that builds: a home, a cargo or rustup folder, the checkout."""
    places = [os.path.expanduser("~"), os.path.realpath("."), os.environ.get("CARGO_HOME"), os.environ.get("CARGO_TARGET_DIR")]
    patterns = [re.escape(place.encode()) for place in places if place and place != "/"]
    patterns += [rb"/home/[a-z]", rb"/Users/[A-Za-z]", rb"/root/", rb"\.cargo/registry", rb"/rustc/[0-9a-f]{40}/\.\."]
    return sorted({match.group(0).decode() for match in re.finditer(rb"(?:%s)[ -~]{0,60}" % b"|".join(patterns), data)})
