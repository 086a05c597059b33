#!/usr/bin/env python3
"""Looks for phrases that read like a translation, and for lines of more than 120 characters.

    tests/style.py [FILE...]   every file of the repository where none is named

Code that is generated, recorded messages and texts quoted from AM are not looked at. A line that has to hold such a phrase
(a name on the wire, a quotation) is listed in ALLOWED with the phrase.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 120

# What to write instead stands beside each.
PHRASES = {
    r"anew": "again",
    r"shall": "must, should or will",
    r"whoever": "anyone who",
    r"knows? no": "independent of, or nothing",
    r"of (?:its|their) own": "its own ...",
    r"the hour": "the current time",
    r"the person": "the user",
    r"makers": "vendors",
    r"give a finger": "be asked for a fingerprint",
    r"by lot": "at random",
    r"in the place of": "instead of",
}
PATTERN = re.compile(r"\b(?:" + "|".join(PHRASES) + r")\b", re.IGNORECASE)

PROSE = {".rs", ".md", ".kt", ".swift", ".sh", ".py", ".mjs", ".html", ".xml", ".toml", ".xcstrings"}
CODE = {".rs", ".kt", ".swift"}
NOT_LOOKED_AT = re.compile(
    r"(^|/)(generated|vectors|node_modules|corpus)/|^LICENSE|\.lock$|^tests/style\.py$|^src/server/pages/texts/"
)
# Path to phrases that have to stay there.
ALLOWED = {}


def files():
    if len(sys.argv) > 1:
        return sys.argv[1:]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return listed.splitlines()


def faults(path):
    suffix = pathlib.Path(path).suffix
    if suffix not in PROSE or NOT_LOOKED_AT.search(path) or not (ROOT / path).is_file():
        return
    allowed = ALLOWED.get(path, ())
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        for found in PATTERN.finditer(line):
            phrase = found.group().lower()
            if phrase not in allowed:
                instead = next(words for pattern, words in PHRASES.items() if re.fullmatch(pattern, phrase))
                yield f"{path}:{number}: {phrase!r}: write {instead}"
        if suffix in CODE and len(line) > LIMIT:
            yield f"{path}:{number}: {len(line)} characters, of at most {LIMIT}"


def main():
    found = [fault for path in files() for fault in faults(path)]
    print("\n".join(found))
    print(f"style: {len(found)} faults")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
