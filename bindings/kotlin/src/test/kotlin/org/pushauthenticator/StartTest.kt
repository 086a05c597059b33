package org.pushauthenticator

import java.util.concurrent.CyclicBarrier
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Uses every callback interface for the first time in its process, from many threads at once; started by [StartTest].
 */
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
                // Half of the threads start with one, half with the other.
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

/** Opens a vault as an app does; started by [StartTest]. */
object Opening {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking { PushAuthenticator.open(arguments[0], TestKeys(), null).close() }
}

/** The start of the library: a mismatched version is detected before a vault is touched. */
class StartTest {
    /** The checksums that the Swift code checks; it was generated from the same library. */
    private val checksums = Regex("""if \((uniffi_\w+_checksum_\w+)\(\) != (\d+)\)""")
        .findAll(repository.resolve("bindings/swift/generated/PushAuthenticator.swift").readText())
        .associate { it.groupValues[1] to it.groupValues[2].toInt() }

    /** Opens a vault with a library that has only these check functions, and returns the result. */
    private fun openWith(values: Map<String, Int>): String {
        val folder = folder()
        val source = folder.resolve("stand-in.c")
        source.writeText(values.entries.joinToString("\n") { (name, value) -> "unsigned $name(void) { return $value; }" })
        val library = folder.resolve("stand-in.so")
        assertEquals(0, ProcessBuilder("cc", "-shared", "-fPIC", "-o", "$library", "$source").inheritIO().start().waitFor())
        val vault = folder.resolve("vault")
        val override = listOf("-Duniffi.component.push_authenticator.libraryOverride=$library")
        val child = java(override, "org.pushauthenticator.Opening", "$vault")
        val output = child.inputReader().readText()
        assertEquals(1, child.waitFor(), output)
        assertFalse(vault.toFile().exists())
        return output
    }

    @Test
    fun `an app with a library of another version does not come to open a vault`() {
        assertTrue(checksums.size >= 50)
        val right = checksums + (VERSION to CONTRACT)
        for (other in listOf(checksums.keys.first(), checksums.keys.last())) {
            val output = openWith(right + (other to (checksums.getValue(other) xor 1)))
            assertTrue("UniFFI API checksum mismatch: try cleaning and rebuilding your project" in output, output)
        }
        val output = openWith(right + (VERSION to CONTRACT + 1))
        assertTrue("UniFFI contract version mismatch: try cleaning and rebuilding your project" in output, output)
    }

    @Test
    fun `a library that lacks a function does not come to open a vault`() {
        val missing = checksums.keys.first()
        val output = openWith(checksums - missing + (VERSION to CONTRACT))
        assertTrue(missing in output, output)
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

    private companion object {
        const val VERSION = "ffi_push_authenticator_uniffi_contract_version"
        const val CONTRACT = 30
    }
}
