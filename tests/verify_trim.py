#!/usr/bin/env python3
"""Checks scripts/trim_kotlin.py with the code that UniFFI generates, whose file is the argument: that it changes what it should,
and that code which is not as it expects is refused with the name of what was looked for, and left as it is. Exits with 1 at the
first thing wrong."""
import pathlib
import re
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).parent.parent / "scripts" / "trim_kotlin.py"
CHECKSUM = r"    if \(\(lib\.\w+_checksum_method_authenticator_approve\(\) and 0xFFFF\) != \d+\) \{\n.*\n    \}\n"

# A place where a line can be put in.
PLACE = r"^object UniffiWithHandle"

# What UniFFI's code might become: what is replaced and by what, and of what the error has to speak.
OTHER_CODE = [
    (r"^    fun `pending`", "    suspend fun `pending`", "an asynchronous function"),
    (r"_rust_future_", "_rust_promise_", "functions of futures"),
    (r"ForeignFuture|RustFuture", "RustPromise", "types of futures"),
    (PLACE, "val last: UniffiForeignFutureOne? = null\nobject UniffiWithHandle", "what is left of futures"),
    (r"^// Async support\n", "", "the heading of futures"),
    (r"^internal object IntegrityCheckingUniffiLib \{", "internal object UniffiIntegrity {", "the object that checks the library"),
    (r"^        uniffiCheckApiChecksums\(this\)\n", "", "the object that checks the library"),
    (r"val bindings_contract_version = \d+", "val bindings_contract_version = VERSION", "the check of the contract's version"),
    (r"Native\.register\(UniffiLib::class\.java, ", "Native.register(UniffiLib::class, ", "where functions are registered"),
    (r"and 0xFFFF", "and 0xFFFFFF", "the check of checksums"),
    (CHECKSUM, "", "the functions that are declared are not those that are compared"),
    (r"_checksum_method_authenticator_approve\(\n", "_checksum_method_authenticator_agree(\n", "are not those that are compared"),
    (rf"({CHECKSUM})", lambda found: found.group().replace("mismatch: ", "mismatch: do "), "more than one message"),
    (r"^internal object uniffiCallbackInterfacePlatformKeys \{", "internal object uniffiKeys {", "callback interfaces"),
    (r"^        uniffiCallbackInterfaceLogSink\.register\(this\)\n", "", "the registration of LogSink"),
    (r"init_callback_vtable_slotwrapper\(vtable\)", "init_callback_vtable_slotwrapper(vtable, 1)", "how SlotWrapper is registered"),
    (PLACE, "fun last() = FfiConverterTypeLogSink.lift(1)\nobject UniffiWithHandle", "an object of LogSink that the library hands out"),
    (PLACE, "fun last() = listOf(FfiConverterTypeLogSink.read(it))\nobject UniffiWithHandle", "LogSink that the library hands out"),
    (r"^open class LogSinkImpl:", "open class LogSinkOfRust:", "the class of objects of LogSink made in Rust"),
    (r"value is SlotWrapperImpl", "value is SlotWrapperImpl?", "how an object of SlotWrapper is handed over"),
    (r"return SlotWrapperImpl\(", "return SlotWrapperImpl.of(", "how an object of SlotWrapper is taken back"),
    (PLACE, "fun last(it: LogSinkImpl) = 1\nobject UniffiWithHandle", "what is left of objects of LogSink"),
    (r"^open class RustBuffer : Structure\(\)", "open class RustBuffer : Struct, Structure()", "a structure of another form"),
    (r"by lazy \{", "by lazy(NONE) {", "the cleaner"),
    (r"var status = UniffiRustCallStatus\(\)", "val status = UniffiRustCallStatus()", "how a call is made"),
    (r"^// Call a rust function that returns a Result<>\.", "// Call a function.", "the heading of how a call is made"),
]


def check(condition, what):
    if not condition:
        print(f"wrong: {what}")
        sys.exit(1)


def run(text):
    """What the script says of a text, and what becomes of it; an error has to leave it alone."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "code.kt"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True)
        return done.returncode, done.stderr, file.read_text(encoding="utf-8")


def main():
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    status, error, trimmed = run(text)
    check(status == 0 and error == "", f"UniFFI's code is refused: {error}")
    checksums = re.findall(r"lib\.(\w+_checksum_\w+)\(\) and 0xFFFF\) != (\d+)", text)
    check(len(checksums) >= 50, "UniFFI's checksums")
    check(re.findall(r'^    checksums\["(\w+)"\] = (\d+)$', trimmed, re.MULTILINE) == checksums, "the table of checksums")
    functions = re.findall(r"external fun (\w+)\(", trimmed)
    check(not re.search("(?i)future", trimmed), "futures are left")
    check(all(len(re.findall(rf"\b{name}\b", trimmed)) > 1 for name in functions), "a function that nothing calls is left")
    check(all(name in functions for name in re.findall(r"UniffiLib\.(\w+_f(?:n|fi)_\w+)\(", trimmed)), "a function that is called is gone")
    status, error, again = run(trimmed)
    check(status == 1 and "functions of futures" in error and again == trimmed, "code that is trimmed already is taken")

    for pattern, replacement, what in OTHER_CODE:
        other, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        check(count > 0, f"nothing to change for {what}: {pattern}")
        status, error, after = run(other)
        check(status == 1 and "UniFFI's code is not as expected" in error and what in error, f"{what}: {pattern}: {status} {error}")
        check("Traceback" not in error and error.count(": ") >= 3, f"{what}: the error does not name what was looked for: {error}")
        check(after == other, f"{what}: the file was changed")
    print(f"the generated Kotlin code is trimmed, and {len(OTHER_CODE)} kinds of other code are refused")


main()
