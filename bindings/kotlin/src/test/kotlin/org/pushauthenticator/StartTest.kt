package org.pushauthenticator

import com.sun.jna.Function
import com.sun.jna.NativeLibrary
import java.lang.reflect.Modifier
import java.nio.file.Path
import java.util.concurrent.CyclicBarrier
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Uses every callback interface for the first time in its process, from many threads at once; [StartTest] starts it. */
object FirstUse {
    const val THREADS = 12

    @JvmStatic
    fun main(arguments: Array<String>) {
        val lines = AtomicInteger()
        val slots = AtomicInteger()
        val barrier = CyclicBarrier(THREADS)
        val threads = List(THREADS) { number ->
            thread {
                val log = sink { _, line -> if ("enrolled" in line) lines.incrementAndGet() }
                val wrapper = object : SlotWrapper {
                    override fun wrap(slot: ByteArray): ByteArray = Finger.wrap(slot).also { slots.incrementAndGet() }
                }
                barrier.await()
                // Half of the threads begin with the one, half with the other.
                if (number % 2 == 0) {
                    Authenticator.open("${arguments[0]}/$number", TestKeys(), log).use { it.enrol(registrationCode(), enrolment(), wrapper) }
                } else {
                    Authenticator.open("${arguments[0]}/$number", TestKeys(), null).use { it.enrol(registrationCode(), enrolment(), wrapper) }
                    Authenticator.open("${arguments[0]}/$number", TestKeys(), log).use { it.enrol(registrationCode("ada"), enrolment(), null) }
                }
            }
        }
        threads.forEach { it.join() }
        println("lines=$lines slots=$slots")
    }
}

/** Opens a vault as an app does, which asks for no check of the library; [StartTest] starts it. */
object Opening {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking { PushAuthenticator.open(arguments[0], TestKeys(), null).close() }
}

/** The start of the library: what is checked, what is registered, and what waits until it is needed. */
class StartTest {
    private val checksums = uniffiChecksums()

    private val right = checksums.mapValues { DIRTY or it.value } + (VERSION to CONTRACT)

    /** A library of functions that return what [values] says. What they return can be changed. */
    private fun library(values: Map<String, Int>): Path {
        val folder = folder()
        val source = values.keys.withIndex().joinToString("\n", "static unsigned values[] = {${values.values.joinToString()}};\n") { (index, name) ->
            "unsigned $name(void) { return values[$index]; }"
        } + "\nvoid set(int index, unsigned value) { values[index] = value; }\n"
        val file = folder.resolve("stand-in.c").apply { writeText(source) }
        val library = folder.resolve("stand-in.so")
        val compiler = ProcessBuilder("cc", "-shared", "-fPIC", "-o", "$library", "$file").inheritIO().start()
        assertEquals(0, compiler.waitFor())
        return library
    }

    private inner class StandIn(values: Map<String, Int>) {
        private val names = values.keys.toList()
        val library: NativeLibrary = NativeLibrary.getInstance(library(values).toString())
        private val set: Function = library.getFunction("set")
        operator fun set(name: String, value: Int) = set.invokeVoid(arrayOf(names.indexOf(name), value))
    }

    private fun mismatch(library: NativeLibrary): String =
        assertThrows(RuntimeException::class.java) { uniffiCheckIntegrity(library, checksums) }.message!!

    @Test
    fun `every checksum that the code for Swift checks is checked`() {
        val swift = repository.resolve("bindings/swift/generated/PushAuthenticator.swift").readText()
        val others = Regex("""if \((uniffi_\w+_checksum_\w+)\(\) != (\d+)\)""").findAll(swift)
            .associate { it.groupValues[1] to it.groupValues[2].toInt() }
        assertTrue(others.size >= 50)
        assertEquals(others, checksums)
    }

    @Test
    fun `a library with one other checksum is refused, whichever it is`() {
        val standIn = StandIn(right)
        uniffiCheckIntegrity(standIn.library, checksums)
        for ((name, value) in checksums) {
            for (bit in listOf(1, 0x8000)) {
                standIn[name] = value xor bit
                assertEquals("UniFFI API checksum mismatch: try cleaning and rebuilding your project ($name)", mismatch(standIn.library))
            }
            standIn[name] = value
        }
        uniffiCheckIntegrity(standIn.library, checksums)
        standIn[VERSION] = CONTRACT + 1
        assertEquals("UniFFI contract version mismatch: try cleaning and rebuilding your project", mismatch(standIn.library))
        // Of the version all bits count.
        standIn[VERSION] = CONTRACT or 0x10000
        assertTrue("contract version mismatch" in mismatch(standIn.library))
    }

    @Test
    fun `a library without one of the functions is refused as one with another checksum is`() {
        for (missing in listOf(checksums.keys.first(), checksums.keys.last())) {
            val standIn = StandIn(right - missing)
            assertEquals("UniFFI API checksum mismatch: try cleaning and rebuilding your project ($missing)", mismatch(standIn.library))
        }
        val versionless = StandIn(right - VERSION)
        assertEquals("UniFFI contract version mismatch: try cleaning and rebuilding your project", mismatch(versionless.library))
    }

    @Test
    fun `an app with another library does not come to open a vault`() {
        val other = checksums.keys.last()
        val path = library(right + (other to 1))
        val vault = folder().resolve("vault")
        for (main in listOf("org.pushauthenticator.Opening", "org.pushauthenticator.StartKt")) {
            val child = java(listOf("-Duniffi.component.push_authenticator.libraryOverride=$path"), main, "$vault")
            val output = child.inputReader().readText()
            assertEquals(1, child.waitFor(), output)
            assertTrue("RuntimeException: UniFFI API checksum mismatch: try cleaning and rebuilding your project ($other)" in output, output)
            assertFalse(vault.toFile().exists())
        }
    }

    @Test
    fun `no function is registered that nothing calls`() {
        val native = { owner: Class<*> -> owner.declaredMethods.filter { Modifier.isNative(it.modifiers) }.map { it.name } }
        assertEquals(emptyList<String>(), native(IntegrityCheckingUniffiLib::class.java))
        val registered = native(UniffiLib::class.java)
        val unused = registered.filter { "future" in it || "checksum" in it || "contract" in it || "reserve" in it || "from_bytes" in it }
        assertEquals(emptyList<String>(), unused)
        // One for each method of the core and its constructor, which have checksums, too.
        val methods = checksums.keys.filter { "_authenticator_" in it.substringAfter("_checksum_") }.map { it.replace("_checksum_", "_fn_") }
        assertTrue(methods.size >= 46)
        assertEquals(emptyList<String>(), methods - registered.toSet())
    }

    @Test
    fun `a log and a slot wrapper that are first used from many threads work`() {
        repeat(4) {
            val child = java(emptyList(), "org.pushauthenticator.FirstUse", "${folder()}")
            val output = child.inputReader().readText()
            assertEquals("lines=${FirstUse.THREADS} slots=${FirstUse.THREADS}\n", output)
            assertEquals(0, child.waitFor())
        }
    }

    @Test
    fun `what an app has no use for is not loaded at the start`() {
        val child = java(listOf("-Xlog:class+load"), "org.pushauthenticator.StartKt", folder().resolve("vault").toString())
        val loaded = child.inputReader().readText()
        assertEquals(0, child.waitFor(), loaded)
        assertTrue(" org.pushauthenticator.uniffiCallbackInterfacePlatformKeys " in loaded)
        for (name in listOf("org.pushauthenticator.uniffiCallbackInterfaceLogSink", "org.pushauthenticator.uniffiCallbackInterfaceSlotWrapper",
            "kotlin.Metadata", "kotlin.LazyKt")) {
            assertFalse(" $name " in loaded, name)
        }
    }

    @Test
    fun `no class of the library uses invokedynamic, whose first use is slow`() {
        val output = Path.of(UniffiLib::class.java.protectionDomain.codeSource.location.toURI())
        val classes = output.toFile().walk().filter { it.extension == "class" }.toList()
        assertTrue(classes.size > 300, "${classes.size}")
        assertEquals(emptyList<String>(), classes.filter { "BootstrapMethods" in it.readText(Charsets.ISO_8859_1) }.map { it.name })
    }

    private companion object {
        const val VERSION = "ffi_push_authenticator_uniffi_contract_version"
        const val CONTRACT = 30
        /** What may stand in the upper half of the register where a function of 16 bits leaves its result. */
        const val DIRTY = 0x5a5a0000
    }
}
