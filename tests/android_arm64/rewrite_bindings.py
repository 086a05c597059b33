#!/usr/bin/env python3
"""Rewrites the generated Kotlin bindings so that they call the library in the emulator.

    rewrite_bindings.py GENERATED OUT

JNA would load the library into the JVM's process, which runs on a different processor. Every `external fun` of the bindings
becomes one that passes its name and arguments to `Border.call`, and JNA's registration is removed. Nothing else
changes: converters, records, errors, callbacks, handles and the checks of the interface's version are those of an app.
"""
import re
import sys

REGISTRATION = re.compile(r"^ *Native\.register\(\w+::class\.java, .*\)\n", re.MULTILINE)
FUNCTION = re.compile(r"external fun (\w+)\(([^()]*)\): ([\w.]+)\n")
ARGUMENT = re.compile(r"(`?\w+`?): ([\w.]+),")


def rewritten(found):
    name, arguments, result = found.groups()
    names = [argument for argument, _ in ARGUMENT.findall(arguments)]
    listed = "".join(f", {argument}" for argument in names)
    return f'fun {name}({arguments.strip()}): {result} = Border.call("{name}"{listed})\n'


def main():
    with open(sys.argv[1]) as file:
        text = file.read()
    text, libraries = REGISTRATION.subn("", text)
    text, functions = FUNCTION.subn(rewritten, text)
    if libraries != 2 or functions < 100 or "external fun" in text:
        sys.exit(f"The bindings have another form: {libraries} libraries, {functions} functions were rewritten.")
    with open(sys.argv[2], "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
