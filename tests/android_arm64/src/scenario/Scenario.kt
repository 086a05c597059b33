package org.pushauthenticator

import java.io.File
import kotlin.system.exitProcess
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue

/**
 * What a phone does in the life of an app, as arm64 machine code over bionic: a sequence of steps on one phone, whose
 * process is killed a few times. The library's results are compared with the JVM's cryptography.
 */
fun main() {
    val phone = Phone(folder())
    val steps = Steps()
    steps.border(phone)
    steps.codes(phone)
    steps.signOns(phone)
    steps.deviceKeys(phone)
    steps.storage(phone)
    Border.kill()
    exitProcess(if (steps.closed()) 0 else 1)
}

/** The boundary itself: versions, panics, callbacks; and the creation of the vault. */
private fun Steps.border(phone: Phone) {
    step("the library loads, with the interface's version and checksums that the bindings know") {
        uniffiEnsureInitialized()
        val loaded = Border.running.bionic.memory.loadedModules.map { it.name }
        assertTrue(loaded.containsAll(listOf("libc.so", "libpush_authenticator.so")), "$loaded")
    }
    step("a panic is caught at the border, with its message") {
        val nonsense = ByteArray(LibraryProcess.BUFFER).also { it[0] = 5 }
        val expected = UNIFFI_CALL_UNEXPECTED_ERROR to "null RustBuffer had non-zero capacity"
        assertEquals(expected, Border.running.freed(nonsense))
    }
    step("a vault is made after the panic, by keys that live outside of the emulator") {
        phone.use()
        assertEquals(1, phone.keys.wrapped)
        assertTrue(Border.running.callbacks >= 2)
        assertEquals(emptyList<Account>(), phone.core.accounts())
    }
    step("the vault is a SQLite file with a write-ahead log") {
        val head = phone.bytes()
        assertEquals("SQLite format 3", String(head, 0, 15))
        assertEquals(listOf<Byte>(2, 2), listOf(head[18], head[19]))
        assertTrue(File("${phone.vault}-wal").length() > 0)
    }
    step("a kind of evidence that does not exist is told as an error, and the process lives on") {
        val unknown = UniffiRustCallStatus()
        val (handle, id) = phone.core.uniffiCloneHandle() to FfiConverterString.lower("id")
        val evidence = Border.buffer(byteArrayOf(0, 0, 0, 99))
        Border.call<Unit>("uniffi_push_authenticator_fn_method_authenticator_approve", handle, id, evidence, unknown)
        assertTrue(unknown.isPanic())
        assertTrue("evidence" in FfiConverterString.lift(unknown.error_buf))
        assertEquals(emptyList<Account>(), phone.core.accounts())
    }
    step("an exception that the keys do not declare comes back as a typed error") {
        val broken = object : PlatformKeys {
            override fun wrap(dataKey: ByteArray): ByteArray = error("the key store exploded")
            override fun unwrap(wrapped: ByteArray): ByteArray = throw PlatformKeyException.Unavailable()
        }
        val elsewhere = folder().resolve("vault")
        val wrapping = assertThrows(AuthenticatorException.Platform::class.java) { phone.open(broken, elsewhere) }
        assertEquals("platform-failure", wrapping.code)
        assertTrue("the key store exploded" in wrapping.explanation)
        val unwrapping = assertThrows(AuthenticatorException.Platform::class.java) { phone.open(broken) }
        assertEquals("key-unavailable", unwrapping.code)
    }
    step("a folder that is not there, and input beyond its limit, are typed errors") {
        val nowhere = folder().resolve("no/such/folder")
        assertEquals("vault-not-writable", vaultError { phone.open(file = nowhere) })
        assertEquals("input-too-large", refusal { phone.core.preview("x".repeat(100_000)) })
    }
    step("secrets are not in what a record prints") {
        val settings = CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Time(30u))
        val entry = ManualEntry("Acme", "ada", "GEZDGNBVGY3TQOJQ", settings)
        assertFalse("GEZDGNBV" in "$entry")
        assertTrue("Acme" in "$entry")
    }
}
