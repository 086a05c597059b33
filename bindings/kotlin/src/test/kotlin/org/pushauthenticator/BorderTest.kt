package org.pushauthenticator

import com.sun.jna.Native
import java.lang.ref.WeakReference
import java.nio.file.Files
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** What crosses the boundary and what must not: foreign exceptions, hostile input, memory, keys that are gone. */
class BorderTest {
    private class Keys(val wrap: (ByteArray) -> ByteArray = { it }, val unwrap: (ByteArray) -> ByteArray = { it }) : PlatformKeys {
        override fun wrap(dataKey: ByteArray) = wrap.invoke(dataKey)
        override fun unwrap(wrapped: ByteArray) = unwrap.invoke(wrapped)
    }

    private fun platformError(work: () -> Unit) = assertThrows(AuthenticatorException.Platform::class.java) { work() }

    @Test
    fun `an exception that keys do not declare comes back as a typed error`() {
        val file = folder().resolve("vault")
        val error = platformError { openCore(file, Keys(wrap = { error("the key store exploded") })) }
        assertEquals("platform-failure", error.code)
        assertTrue("the key store exploded" in error.explanation, error.explanation)
        openCore(file).close()
        assertEquals("platform-failure", platformError { openCore(file, Keys(unwrap = { throw java.io.IOException("later") })) }.code)
        openCore(file).use { assertEquals(emptyList<Account>(), it.accounts()) }
    }

    @Test
    fun `an error of the virtual machine inside keys ends the call and not the process`() {
        val file = folder().resolve("vault")
        openCore(file).close()
        val handler = Native.getCallbackExceptionHandler()
        val thrown = mutableListOf<Throwable>()
        Native.setCallbackExceptionHandler { _, error -> thrown += error }
        try {
            val error = platformError { openCore(file, Keys(unwrap = { throw StackOverflowError("in the key store") })) }
            assertEquals("platform-failure", error.code)
        } finally {
            Native.setCallbackExceptionHandler(handler)
        }
        assertTrue(thrown.size <= 1)
        openCore(file).use { assertEquals(emptyList<Account>(), it.accounts()) }
    }

    @Test
    fun `what keys declare keeps its meaning`() {
        val file = folder().resolve("vault")
        assertEquals("key-unavailable", platformError { openCore(file, Keys(wrap = { throw PlatformKeyException.Unavailable() })) }.code)
        assertEquals("key-refused", platformError { openCore(file, Keys(wrap = { throw PlatformKeyException.Invalid() })) }.code)
        assertEquals("key-refused", platformError { openCore(file, Keys(unwrap = { ByteArray(5) })) }.code)
        assertEquals("key-refused", platformError { openCore(file, Keys(wrap = { ByteArray(1_000_000) })) }.code)
        openCore(file).close()
        assertEquals("key-unavailable", platformError { openCore(file, Keys(unwrap = { throw PlatformKeyException.Unavailable() })) }.code)
        openCore(file).close()
    }

    @Test
    fun `a vault whose key is gone says so, and can be begun anew`() {
        val file = folder().resolve("vault")
        val account = openCore(file).use { Registered(it).account.id }
        openCore(file, TestKeys(ByteArray(32))).use { core ->
            assertEquals(AccountState.RE_ENROLMENT_NEEDED, core.accounts().single().state)
            val push = { core.receiveMessage("id", sign(mapOf("u" to "x", "c" to "x"))); Unit }
            assertThrows(AuthenticatorException::class.java) { push() }
            assertEquals("re-enrolment-needed", platformError { core.enrol(registrationCode("ada"), enrolment(), null) }.code)
            core.remove(account)
        }
        openCore(file, TestKeys(ByteArray(32))).use { core ->
            assertEquals(AccountState.ACTIVE, core.run { Registered(this); accounts().single().state })
        }
    }

    @Test
    fun `a key is changed, and only the new one opens the vault`() {
        val file = folder().resolve("vault")
        openCore(file).use { core ->
            Registered(core)
            assertEquals("platform-failure", platformError { core.rewrap(Keys(wrap = { error("no") })) }.code)
            core.rewrap(TestKeys(ByteArray(32) { 1 }))
        }
        openCore(file).use { assertEquals(AccountState.RE_ENROLMENT_NEEDED, it.accounts().single().state) }
        openCore(file, TestKeys(ByteArray(32) { 1 })).use { assertEquals(AccountState.ACTIVE, it.accounts().single().state) }
    }

    @Test
    fun `files that are no vault are refused and left as they are`() {
        for ((content, code) in listOf("no database, and rather long".repeat(100) to "vault-damaged")) {
            val file = folder().resolve("vault").apply { writeBytes(content.toByteArray()) }
            assertEquals(code, assertThrows(AuthenticatorException.Vault::class.java) { openCore(file) }.code)
            assertArrayEquals(content.toByteArray(), file.readBytes())
        }
        val error = assertThrows(AuthenticatorException.Vault::class.java) { openCore(folder().resolve("no/such/folder")) }
        assertEquals("vault-not-writable", error.code)
        assertTrue(error.explanation.isNotBlank())
        assertThrows(AuthenticatorException::class.java) { Authenticator.open("vault\u0000", TestKeys(), null) }
    }

    @Test
    fun `a slot that cannot be wrapped adds nothing, nor does a policy that is not met`() = openCore().use { core ->
        val broken = object : SlotWrapper {
            override fun wrap(slot: ByteArray): ByteArray = throw IllegalStateException("no finger")
        }
        val error = platformError { core.enrol(registrationCode(), enrolment(), broken) }
        assertEquals("platform-failure", error.code)
        assertTrue("no finger" in error.explanation)
        val gone = object : SlotWrapper {
            override fun wrap(slot: ByteArray): ByteArray = throw PlatformKeyException.Invalid()
        }
        assertEquals("biometric-invalid", platformError { core.enrol(registrationCode(), enrolment(), gone) }.code)
        val guarded = registrationCode(more = "&policies=${encode("""{"biometricAvailable":{}}""")}")
        val without = enrolment().copy(facts = DeviceFacts(false, 0.0))
        assertEquals("policy-unmet", refusal { core.enrol(guarded, without, null) })
        assertEquals(emptyList<Account>(), core.accounts())
        assertTrue(core.enrol(registrationCode(), enrolment(), Finger).hasBiometricSlot)
    }

    @Test
    fun `a log that throws disturbs nobody, and one that calls back is answered`() {
        val file = folder().resolve("vault")
        openCore(file, log = sink { _, _ -> error("the log is full") }).use { Registered(it) }
        lateinit var core: Authenticator
        val seen = mutableListOf<String>()
        core = openCore(file, log = sink { level, line -> seen += "$level $line ${core.accounts().size}" })
        val account = core.accounts().single().id
        assertEquals("unknown-credential", refusal { core.receiveMessage("id", sign(mapOf("u" to "x"))) })
        core.remove(account)
        assertEquals(
            listOf("WARNING message-refused detail=unknown-credential 1", "INFORMATION removed account=$account 0"), seen,
        )
        core.close()
    }

    private fun keyedCode() = registrationCode(more = "&v=2")
    private fun signed(bytes: Int, signature: Int = 64) = Signed(ByteArray(bytes), KeySignature.Fixed(ByteArray(signature)))

    @TestFactory
    fun `oversized input is refused at the border`(): List<DynamicTest> {
        val long = "x".repeat(1_000_000)
        val settings = CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Time(30u))
        val response = HttpResponse(200u, null, ByteArray(0))
        val calls = mapOf<String, (Authenticator) -> Any?>(
            "path" to { Authenticator.open(long, TestKeys(), null) },
            "preview" to { it.preview(long) },
            "enrol" to { it.enrol(long, enrolment(), null) },
            "manual issuer" to { it.previewEntry(ManualEntry(long, "a", "GEZDGNBVGY3TQOJQ", settings)) },
            "manual account" to { it.previewEntry(ManualEntry("a", long, "GEZDGNBVGY3TQOJQ", settings)) },
            "manual secret" to { it.previewEntry(ManualEntry("a", "a", long, settings)) },
            "device name" to { it.enrol(registrationCode(), enrolment().copy(device = device().copy(name = long)), null) },
            "device token" to { it.enrol(registrationCode(), enrolment().copy(device = device(long)), null) },
            "rename" to { it.rename("id", long, null) },
            "code" to { it.code(long) },
            "removal" to { it.removal(long) },
            "remove" to { it.remove(long) },
            "receive" to { it.receive(ByteArray(10_000_000)) },
            "receive message" to { it.receiveMessage("id", long) },
            "pull account" to { it.pullAccount(long, 0u) },
            "pull signed" to { it.pullSigned(long, 0u, Signed(ByteArray(0), KeySignature.Der(ByteArray(0)))) },
            "signed text" to { it.pullSigned("id", 0u, Signed(ByteArray(1_000_000), KeySignature.Der(ByteArray(0)))) },
            "signature" to { it.pullSigned("id", 0u, Signed(ByteArray(0), KeySignature.Fixed(ByteArray(1000)))) },
            "receive id" to { it.receiveMessage(long, "jwt") },
            "notification" to { it.notification(long) },
            "biometric challenge" to { it.biometricChallenge(long) },
            "approve" to { it.approve(long, Evidence.Tap) },
            "number" to { it.approve("id", Evidence.Number(long)) },
            "slot" to { it.approve("id", Evidence.Biometric(ByteArray(1_000_000))) },
            "deny" to { it.deny(long) },
            "delivered" to { it.delivered(long, response) },
            "failed" to { it.failed(long, SendFailure.NOT_SENT) },
            "token" to { it.setPushToken(long, CommunicationType.GCM) },
            "biometric slot" to { it.biometricSlot(long) },
            "rebind" to { it.rebindBiometric("id", ByteArray(1_000_000), Finger) },
            "invalidated" to { it.biometricInvalidated(long) },
            "key to register" to { it.registrationToSign(keyedCode(), Chip().key().copy(jwk = long)) },
            "code to register" to { it.registrationToSign(long, Chip().key()) },
            "key to vouch for" to { it.appAttestClientDataHash(keyedCode(), long) },
            "code to vouch for" to { it.appAttestClientDataHash(long, Chip().key().jwk) },
            "certificate" to { it.registrationToSign(keyedCode(), Chip().key().copy(attestation = listOf(ByteArray(1_000_000)))) },
            "certificates" to { it.registrationToSign(keyedCode(), Chip().key().copy(attestation = List(10_000) { ByteArray(0) })) },
            "chosen key" to { it.enrol(keyedCode(), enrolment().copy(key = KeyChoice.Hardware(Chip().key().copy(jwk = long), signed(10))), null) },
            "chosen key's bytes" to { it.enrol(keyedCode(), enrolment().copy(key = KeyChoice.Hardware(Chip().key(), signed(1_000_000))), null) },
            "chosen key's signature" to { it.enrol(keyedCode(), enrolment().copy(key = KeyChoice.Hardware(Chip().key(), signed(10, 1_000_000))), null) },
            "approval to sign" to { it.approvalToSign(long, null) },
            "number to sign" to { it.approvalToSign("id", long) },
            "denial to sign" to { it.denialToSign(long, null) },
            "signed approval" to { it.approveSigned(long, Evidence.Tap, signed(10)) },
            "signed approval's number" to { it.approveSigned("id", Evidence.Number(long), signed(10)) },
            "signed approval's bytes" to { it.approveSigned("id", Evidence.Tap, signed(1_000_000)) },
            "signed denial" to { it.denySigned(long, null, signed(10)) },
            "signed denial's signature" to { it.denySigned("id", DenyReason.OTHER, signed(10, 1_000_000)) },
            "denial for a reason" to { it.denyFor(long, DenyReason.NOT_ME) },
            "key invalidated" to { it.deviceKeyInvalidated(long) },
            "pulled" to { it.pulled(PullRequest("id", long, emptyList(), ByteArray(0), 0), response) },
            "pulled headers" to { it.pulled(PullRequest("id", "u", List(10_000) { HttpHeader("name", "value") }, ByteArray(0), 0), response) },
        )
        return calls.map { (name, call) ->
            DynamicTest.dynamicTest(name) { openCore().use { assertEquals("input-too-large", refusal { call(it) }) } }
        }
    }

    @Test
    fun `hostile input ends in a typed error`() = openCore().use { core ->
        val odd = listOf("", "\u0000", "pushauth://", "otpauth://totp/?secret=\u202e", "💥".repeat(100), "%ff%fe", "'; DROP TABLE account; --")
        for (text in odd) {
            assertThrows(AuthenticatorException.Refused::class.java) { core.preview(text) }
            assertThrows(AuthenticatorException.Refused::class.java) { core.receive(text.toByteArray()) }
            assertThrows(AuthenticatorException.Refused::class.java) { core.receiveMessage(text, text) }
            val calls = listOf<(String) -> Any?>(
                core::code, core::removal, core::remove, core::notification, core::deny, core::biometricSlot, core::deviceKeyInvalidated,
                { core.approvalToSign(it, it) }, { core.denialToSign(it, null) }, { core.denyFor(it, DenyReason.OTHER) },
                { core.approveSigned(it, Evidence.Tap, signed(10)) }, { core.denySigned(it, null, signed(10)) },
                { core.registrationToSign(registrationCode(more = "&v=2"), Chip().key().copy(jwk = it)) },
            )
            for (call in calls) {
                assertThrows(AuthenticatorException.Refused::class.java) { call(text) }
            }
            assertThrows(AuthenticatorException.Refused::class.java) { core.delivered(text, HttpResponse(200u, text, text.toByteArray())) }
        }
        for (settings in listOf(
            CodeSettings(CodeAlgorithm.SHA1, 0u, CodeMoving.Time(30u)), CodeSettings(CodeAlgorithm.SHA1, 255u, CodeMoving.Time(30u)),
            CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Time(0u)), CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Time(UInt.MAX_VALUE)),
            CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Counter(ULong.MAX_VALUE)),
        )) {
            assertThrows(AuthenticatorException.Refused::class.java) { core.previewEntry(ManualEntry("a", "b", "GEZDGNBVGY3TQOJQ", settings)) }
        }
        val policies = encode("""{"deviceTampering":{"score":0.8}}""")
        for (score in listOf(Double.NaN, Double.POSITIVE_INFINITY)) {
            val facts = DeviceFacts(true, score)
            val code = registrationCode(more = "&policies=$policies")
            assertEquals("policy-unmet", refusal { core.enrol(code, Enrolment(device(), facts, false), null) })
        }
        assertEquals(emptyList<Account>(), core.accounts())
        assertEquals(emptyList<Event>(), core.events(0u))
        assertEquals(emptyList<Notification>(), core.history(UInt.MAX_VALUE, UInt.MAX_VALUE))
    }

    @Test
    fun `an answer that is too large is cut, and its status counts`() = openCore().use { core ->
        core.enrol(registrationCode(), enrolment(), null)
        val request = core.due().single()
        val delivery = core.delivered(request.id, HttpResponse(200u, "x".repeat(1_000_000), ByteArray(10_000_000)))
        assertEquals(Delivery.Done(Outcome.AccountActive(core.accounts().single().id)), delivery)
    }

    @Test
    fun `secrets are not printed`() = openCore().use { core ->
        val settings = CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Counter(0u))
        val entry = ManualEntry("Acme", "demo", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", settings)
        val hotp = core.enrolEntry(entry, enrolment())
        val timedEntry = entry.copy(account = "timed", settings = settings.copy(moving = CodeMoving.Time(30u)))
        val totp = core.enrolEntry(timedEntry, enrolment())
        val timed = core.code(totp.id)
        val printed = listOf(
            entry, core.code(hotp.id), timed, timed.validity,
            device("token-of-this-phone"), Enrolment(device("token-of-this-phone"), DeviceFacts(true, 0.0), false),
        ).joinToString()
        val secrets = listOf("GEZDGNBV", "755224", timed.code, (timed.validity as CodeValidity.Timed).next, "token-of-this-phone")
        for (secret in secrets) assertFalse(secret in printed, "$secret in $printed")
        assertTrue("Acme" in printed && "Kotlin on a JVM" in printed)
        assertEquals("Number { .. }", "${Evidence.Number("43")}")
        assertEquals("Biometric { .. }", "${Evidence.Biometric(ByteArray(3) { 99 })}")
        val toSign = core.registrationToSign(keyedCode(), Chip().key())
        assertEquals("ToSign { .. }", "$toSign")
        assertEquals("Signed { .. }", "${Chip().sign(toSign)}")
        Registered(core)
        assertFalse("body" in "${core.pull(0u).single()}")
    }

    @Test
    fun `closing twice does nothing, and a closed core refuses every call`() {
        val core = openCore()
        core.close()
        core.close()
        assertThrows(IllegalStateException::class.java) { core.accounts() }
        assertThrows(IllegalStateException::class.java) { core.enrol(registrationCode(), enrolment(), null) }
    }

    @Test
    fun `closing while calls run lets them end, and takes no more`() {
        repeat(20) {
            val phone = runBlocking { openPhone() }
            val begun = CountDownLatch(4)
            val ends = ConcurrentLinkedQueue<Throwable>()
            val threads = List(4) {
                thread {
                    val end = runCatching {
                        runBlocking {
                            while (true) {
                                assertEquals(emptyList<Account>(), phone.call { accounts() })
                                begun.countDown()
                            }
                        }
                    }
                    ends += end.exceptionOrNull()
                }
            }
            assertTrue(begun.await(10, TimeUnit.SECONDS))
            phone.close()
            threads.forEach { it.join(10_000) }
            assertEquals(4, ends.size)
            ends.forEach { assertInstanceOf(IllegalStateException::class.java, it) }
        }
    }

    @Test
    fun `a call that fails inside of another does not spoil it, nor does the one before`() {
        lateinit var core: Authenticator
        val inside = mutableListOf<String?>()
        core = openCore(log = object : LogSink {
            override fun log(level: LogLevel, line: String) {
                inside += (runCatching { core.removal("0".repeat(32)) }.exceptionOrNull() as? AuthenticatorException.Refused)?.code
            }
        })
        core.use {
            repeat(3) { assertThrows(AuthenticatorException.Refused::class.java) { core.preview("no code") } }
            val account = Registered(core).account
            core.rename(account.id, null, "another name")
            assertEquals("another name", core.accounts().single().displayName)
        }
        assertTrue(inside.size >= 2 && inside.all { it == "account-not-found" }, "$inside")
    }

    private class Sink : LogSink {
        override fun log(level: LogLevel, line: String) = Unit
    }

    @Test
    fun `what is forgotten without being closed is collected, on both sides`() {
        // The core holds the sink as long as it lives: once the sink is gone, so is the core that held it.
        fun forget(): Pair<WeakReference<LogSink>, WeakReference<PlatformKeys>> {
            val (sink, keys) = Sink() to TestKeys()
            val core = openCore(keys = keys, log = sink)
            repeat(1000) { core.preview(registrationCode()) }
            return WeakReference<LogSink>(sink) to WeakReference<PlatformKeys>(keys)
        }
        val (sink, keys) = forget()
        val kept = Sink()
        val open = openCore(log = kept)
        val keptSink = WeakReference<LogSink>(kept)
        val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20)
        while ((sink.get() != null || keys.get() != null) && System.nanoTime() < deadline) {
            System.gc()
            Thread.sleep(20)
        }
        assertEquals(null, keys.get(), "keys are not held after opening")
        assertEquals(null, sink.get())
        assertTrue(keptSink.get() != null)
        open.close()
    }

    @Test
    fun `two cores share a vault`() {
        val file = folder().resolve("vault")
        val (one, two) = openCore(file) to openCore(file)
        val account = Registered(one).account
        assertEquals(listOf(account.id), two.accounts().map { it.id })
        two.remove(account.id)
        assertEquals("account-not-found", refusal { one.rename(account.id, "x", null) })
        assertTrue(Files.exists(file))
        one.close()
        two.close()
    }
}
