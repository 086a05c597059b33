#!/usr/bin/env python3
"""Makes the Kotlin code that UniFFI generates start and call faster. scripts/generate-bindings.sh runs it; docs/size.md says what it
gains.

    trim_kotlin.py FILE

Changes FILE in place:

- What only asynchronous functions need goes: the interface has none.
- The check that library and code are of one version stays whole, but looks functions up instead of registering each with JNA. It is
  made before the first call, whatever that is; UniFFI makes it only for who asks for it.
- What wraps objects of callback interfaces that Rust made goes: the library hands none out.
- The functions of a callback interface are handed to the library when its first object is, except those that every app needs.
- Structures name their fields in code, and the cleaner is made by an object: annotations and lazy properties load more classes.
- A function of the library that nothing calls is not registered.
- The structure in which a call reports what came of it is kept by each thread for its next call.

Knows nothing of the interface but the names below. Where UniFFI's code is not what is expected here, as after an upgrade,
it ends with an error that names what was looked for, and changes nothing.
"""
import re
import sys

# Every vault is opened with an object of these, so they are registered at the start.
AT_START = {"PlatformKeys"}


class Unexpected(Exception):
    """UniFFI's code is not what it is expected to be."""


class Code:
    """Kotlin code that is changed piece by piece; every change says how often it has to find its place."""

    def __init__(self, text):
        self.text = text

    def find(self, what, pattern):
        """What the only place of a pattern holds."""
        found = list(re.finditer(pattern, self.text, re.MULTILINE))
        if len(found) != 1:
            raise Unexpected(f"{what}: found {len(found)} times instead of once: {pattern}")
        return found[0]

    def replace(self, what, pattern, replacement):
        """Replaces the only place of a pattern by a text, or by what a function makes of it."""
        found = self.find(what, pattern)
        text = replacement(found) if callable(replacement) else replacement
        self.text = self.text[: found.start()] + text + self.text[found.end() :]

    def remove_all(self, what, pattern):
        """Removes every place of a pattern; there has to be one."""
        self.text, count = re.subn(pattern, "", self.text, flags=re.MULTILINE)
        if count == 0:
            raise Unexpected(f"{what}: not found: {pattern}")

    def refuse(self, what, pattern):
        """Fails where a pattern is found."""
        if found := re.search(pattern, self.text, re.MULTILINE):
            line = self.text.count("\n", 0, found.start()) + 1
            raise Unexpected(f"{what}: {found.group()!r} in line {line}, by {pattern}")


def function(name):
    """The pattern of the declaration of a function of the library."""
    return rf"^    external fun {name}\([^()]*\n    \): \S+\n"


def remove_futures(code):
    """Removes what only asynchronous functions need."""
    code.refuse("an asynchronous function, whose support would go", r"\bsuspend fun\b|uniffiRustCallAsync|uniffiTraitInterfaceCallAsync")
    code.remove_all("functions of futures", function(r"ffi_\w+_rust_future_\w+"))
    code.remove_all(
        "types of futures",
        r"^(?:@Structure\.FieldOrder\(.*\)\n)?internal (?:open class|interface) Uniffi(?:ForeignFuture|RustFuture)\w+"
        r"(?:\(| :)(?:.*\n)+?\}\n",
    )
    code.replace("the heading of futures", r"^// Async support\n\n", "")
    code.refuse("what is left of futures", r"(?i)\b\w*(?:rust|foreign)_?future\w*")


def check_by_lookup(code):
    """Puts a table of checksums in the place of functions that are registered and called one by one."""
    # The name of the component, and the object whose functions go.
    start = re.escape(
        "internal object IntegrityCheckingUniffiLib {\n    init {\n"
        "        Native.register(IntegrityCheckingUniffiLib::class.java, findLibraryName(componentName = "
    ) + r"\"(\w+)\"" + re.escape(
        "))\n        uniffiCheckContractApiVersion(this)\n        uniffiCheckApiChecksums(this)\n    }\n\n"
        "    internal fun ensureInitialized() = Unit\n"
    )
    declaration = r"    external fun (\w+)\(\n    \): Int\n"
    checker = code.find("the object that checks the library", start + rf"((?:{declaration})+)\n\n\}}\n")
    component, declared = checker.group(1), re.findall(declaration, checker.group(2))

    version = code.find(
        "the check of the contract's version",
        r"^private fun uniffiCheckContractApiVersion\(lib: IntegrityCheckingUniffiLib\) \{\n(?:    //.*\n)?"
        r"    val bindings_contract_version = (\d+)\n(?:    //.*\n)?    val scaffolding_contract_version = lib\.(\w+)\(\)\n"
        r"    if \(bindings_contract_version != scaffolding_contract_version\) \{\n        throw RuntimeException\(\"(.*)\"\)\n    \}\n\}\n",
    )
    comparison = (
        r"    if \(\(lib\.(\w+)\(\) and 0xFFFF\) != (\d+)\) \{\n"
        r"        throw RuntimeException\(\"(UniFFI API checksum mismatch: .*)\"\)\n    \}\n"
    )
    sums = code.find(
        "the check of checksums",
        r"^@Suppress\(\"UNUSED_PARAMETER\"\)\nprivate fun uniffiCheckApiChecksums\(lib: IntegrityCheckingUniffiLib\) \{\n"
        rf"((?:{comparison})+)\}}\n",
    )
    compared = re.findall(comparison, sums.group(1))
    if sorted(declared) != sorted([name for name, _, _ in compared] + [version.group(2)]):
        raise Unexpected("the check of checksums: the functions that are declared are not those that are compared")
    if len({message for _, _, message in compared}) != 1:
        raise Unexpected("the check of checksums: more than one message of a mismatch")

    table = "".join(f'    checksums["{name}"] = {value}\n' for name, value, _ in compared)
    code.replace("the object that checks the library", re.escape(checker.group()), f"""\
internal object IntegrityCheckingUniffiLib {{
    init {{
        uniffiCheckIntegrity(NativeLibrary.getInstance(findLibraryName(componentName = "{component}")), uniffiChecksums())
    }}

    internal fun ensureInitialized() = Unit
}}
""")
    code.replace("the check of the contract's version", re.escape(version.group()), f"""\
// Checks that the library is the one that this code was generated with: by the version of UniFFI's contract, then by the
// checksum of every function of the interface. The functions are looked up and called; to register them with JNA would cost
// more than anything else at the start. A function that is missing is a mismatch like any other.
internal fun uniffiCheckIntegrity(library: NativeLibrary, checksums: Map<String, Int>) {{
    if (uniffiCallForInt(library, "{version.group(2)}") != {version.group(1)}) {{
        throw RuntimeException("{version.group(3)}")
    }}
    for ((function, checksum) in checksums) {{
        val value = uniffiCallForInt(library, function)
        if (value == null || (value and 0xFFFF) != checksum) {{
            throw RuntimeException("{compared[0][2]} ($function)")
        }}
    }}
}}

// What a function without parameters returns; null if the library has no such function.
private fun uniffiCallForInt(library: NativeLibrary, function: String): Int? =
    try {{
        library.getFunction(function).invokeInt(emptyArray())
    }} catch (missing: UnsatisfiedLinkError) {{
        null
    }}

""")
    code.replace("the check of checksums", re.escape(sums.group()), f"""\
// The checksum that each function has to return, in the lower 16 bits, if the library is of this code's interface.
internal fun uniffiChecksums(): Map<String, Int> {{
    val checksums = LinkedHashMap<String, Int>()
{table}    return checksums
}}
""")
    code.replace(
        "why there are two objects for the library's functions",
        r"^// For large crates we prevent `MethodTooLargeException` \(see #2340\)\n(?://.*\n)+", "",
    )
    code.replace("where functions are registered", r"^        Native\.register\(UniffiLib::class\.java, ", lambda found: f"""\
        // UniffiLib is what every call comes by, so no function of a library of another version is ever called.
        IntegrityCheckingUniffiLib.ensureInitialized()
{found.group()}""")
    code.replace("an import of JNA", r"^import com\.sun\.jna\.Native\n", "import com.sun.jna.Native\nimport com.sun.jna.NativeLibrary\n")
    code.refuse("what is left of the old check", r"uniffiCheckContractApiVersion|uniffiCheckApiChecksums|external fun \w+_checksum_\w+")


def callback_interfaces(code):
    """The names of the interfaces that the app implements."""
    pattern = r"^internal object uniffiCallbackInterface(\w+) \{$"
    interfaces = re.findall(pattern, code.text, re.MULTILINE)
    if not AT_START <= set(interfaces):
        raise Unexpected(f"callback interfaces: found {interfaces}, expected at least {sorted(AT_START)}: {pattern}")
    return interfaces


def register_when_needed(code):
    """Hands the functions of a callback interface to the library when its first object is handed over."""
    for name in callback_interfaces(code):
        at_start = rf"^        uniffiCallbackInterface{name}\.register\(this\)\n"
        code.find(f"the registration of {name}", at_start)
        if name in AT_START:
            continue
        code.replace(f"the registration of {name}", at_start, "")
        code.replace(
            f"how {name} is registered",
            r"^    // Registers the foreign callback with the Rust side\.\n    // This method is generated for each callback interface\.\n"
            rf"    internal fun register\(lib: UniffiLib\) \{{\n        lib\.(\w+_init_callback_vtable_{name.lower()})\(vtable\)\n    \}}\n",
            lambda found: f"""\
    // Registers the foreign callback with the Rust side. This object is made when the first {name} is handed over, and only once.
    init {{
        UniffiLib.{found.group(1)}(vtable)
    }}

    internal fun ensureRegistered() = Unit
""")
        code.replace(
            f"how an object of {name} is handed over",
            rf"^    override fun lower\(value: {name}\): Long \{{\n        return handleMap\.insert\(value\)\n",
            f"""\
    override fun lower(value: {name}): Long {{
        uniffiCallbackInterface{name}.ensureRegistered()
        return handleMap.insert(value)
""")
    code.replace("the blank line after registrations", r"(\.register\(this\)\n)\n(    \}\n)", lambda found: found.group(1) + found.group(2))


def remove_unreturned(code):
    """Removes what wraps an object of a callback interface that Rust made: the library hands no such object out."""
    for name in callback_interfaces(code):
        # The converter of an object that may be missing reads one, but nothing uses it to.
        code.refuse(
            f"an object of {name} that the library hands out",
            rf"FfiConverter\w*Type{name}\.lift\(|(?<!return )FfiConverterType{name}\.read\(|FfiConverter\w+Type{name}\.read\(",
        )
        code.replace(
            f"the class of objects of {name} made in Rust",
            rf"^(?:/\*\*\n(?: \*.*\n)+)?open class {name}Impl: Disposable, AutoCloseable, {name}\n\{{\n"
            r"(?:(?!open|public|internal).*\n)+?    companion object\n\n\}\n\n*", "\n",
        )
        code.replace(
            f"how an object of {name} is handed over",
            rf"^    override fun lower\(value: {name}\): Long \{{\n        if \(value is {name}Impl\) \{{\n(?:.*\n){{2}}         \}} else \{{\n"
            r"            //.*\n            return handleMap\.insert\(value\)\n         \}\n    \}\n",
            f"""\
    override fun lower(value: {name}): Long {{
        return handleMap.insert(value)
    }}
""")
        code.replace(
            f"how an object of {name} is taken back",
            rf"^    override fun lift\(value: Long\): {name} \{{\n        if \(.*\) \{{\n(?:            //.*\n)+"
            rf"            return {name}Impl\(UniffiWithHandle, value\)\n        \}} else \{{\n(?:            //.*\n)+"
            r"            return handleMap\.remove\(value\)\n        \}\n    \}\n",
            f"""\
    override fun lift(value: Long): {name} {{
        // Only objects of this side are ever handed back.
        return handleMap.remove(value)
    }}
""")
        code.refuse(f"what is left of objects of {name} made in Rust", rf"\b{name}Impl\b")


def name_fields(code):
    """Names the fields of structures in code. JNA reads annotations by reflection, and with them those that Kotlin adds."""
    code.text, count = re.subn(
        r"^@Structure\.FieldOrder\((.+)\)\n((?:internal )?open class \w+(?:\((?:\n    @JvmField .*)+\n\))? : Structure\(\) \{\n)",
        r"\2    override fun getFieldOrder(): List<String> = java.util.Arrays.asList(\1)\n\n", code.text, flags=re.MULTILINE,
    )
    if count == 0:
        raise Unexpected("structures: none found")
    code.refuse("a structure of another form", r"^@Structure\.FieldOrder.*\n.*")


def make_cleaner_when_needed(code):
    """Makes the cleaner by an object of its own instead of a lazy property, which takes classes of Kotlin's library."""
    code.replace(
        "the cleaner",
        r"^    // The Cleaner for the whole library\n    internal val CLEANER: UniffiCleaner by lazy \{\n        UniffiCleaner\.create\(\)\n    \}\n",
        """\
    // The Cleaner for the whole library
    internal val CLEANER: UniffiCleaner get() = UniffiLibCleaner.cleaner
""")
    code.replace("the object of the library's functions", r"^internal object UniffiLib \{\n", """\
// Made when the cleaner is first asked for, and only once.
private object UniffiLibCleaner {
    val cleaner: UniffiCleaner = UniffiCleaner.create()
}

internal object UniffiLib {
""")


def remove_uncalled(code):
    """Removes the functions of the library that nothing calls."""
    for name in re.findall(r"^    external fun (\w+)\(", code.text, re.MULTILINE):
        if len(re.findall(rf"\b{name}\b", code.text)) == 1:
            code.replace(f"the function {name}", function(name), "")


def keep_status(code):
    """Has each thread keep the structure in which a call reports what came of it: to make one takes longer than most calls."""
    code.replace(
        "how a call is made",
        r"^    var status = UniffiRustCallStatus\(\)\n    val return_value = callback\(status\)\n"
        r"    uniffiCheckCallStatus\(errorHandler, status\)\n    return return_value\n",
        """    val status = UniffiStatus.take()
    try {
        val return_value = callback(status)
        uniffiCheckCallStatus(errorHandler, status)
        return return_value
    } finally {
        UniffiStatus.keep(status)
    }
""",
    )
    code.replace(
        "the heading of how a call is made",
        r"^// Call a rust function that returns a Result<>\.",
        """// What came of a call is written here. Each thread keeps one for its next call, and has none while a call is under way: a call
// out of a callback makes its own.
private object UniffiStatus {
    private val kept = ThreadLocal<UniffiRustCallStatus?>()

    fun take(): UniffiRustCallStatus {
        val status = kept.get() ?: return UniffiRustCallStatus()
        kept.set(null)
        // The library writes what went wrong and nothing else, so nothing of the last error may be left.
        status.code = UNIFFI_CALL_SUCCESS
        status.error_buf.capacity = 0
        status.error_buf.len = 0
        status.error_buf.data = null
        return status
    }

    fun keep(status: UniffiRustCallStatus) = kept.set(status)
}

// Call a rust function that returns a Result<>.""",
    )


def trim(text):
    """The code without what slows the start and every call. Raises Unexpected."""
    code = Code(text)
    remove_futures(code)
    check_by_lookup(code)
    remove_unreturned(code)
    register_when_needed(code)
    name_fields(code)
    make_cleaner_when_needed(code)
    remove_uncalled(code)
    keep_status(code)
    code.replace(
        "the file's heading", r"\A(?://.*\n)+",
        lambda found: found.group() + "// scripts/trim_kotlin.py changed it, for an app to start and call faster.\n",
    )
    return code.text


def main(file):
    with open(file, encoding="utf-8") as source:
        text = source.read()
    try:
        text = trim(text)
    except Unexpected as unexpected:
        sys.exit(f"trim_kotlin.py: {file}: UniFFI's code is not as expected: {unexpected}")
    with open(file, "w", encoding="utf-8") as target:
        target.write(text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: trim_kotlin.py FILE")
    main(sys.argv[1])
