package org.pushauthenticator

import java.security.KeyPair
import java.security.Signature
import java.security.interfaces.ECPublicKey
import kotlin.io.path.exists
import kotlin.io.path.readText
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The README's Kotlin example is the code below, and it works as described. */
class ReadmeTest {
    private suspend fun start(
        folder: String, keys: PlatformKeys, biometric: SlotWrapper, device: Device, facts: DeviceFacts, scannedText: String,
        confirmed: (EnrolmentPreview) -> Boolean, ask: suspend (Notification) -> Evidence, show: (String) -> Unit,
    ) {
        // README begins
        val phone = PushAuthenticator.open("$folder/vault", keys)    // keys: a PlatformKeys over your Keystore key
        val courier = Courier(phone)                                 // or with your own HttpTransport
        val preview = phone.call { preview(scannedText) }            // a QR code's text; nothing is stored yet
        if (confirmed(preview)) show("${courier.enrol(scannedText, Enrolment(device, facts, replace = false), biometric)}")
        courier.pull(wait = 30.seconds)                              // or courier.receive(pushPayload)
        val request = phone.notifications.first { it.isNotEmpty() }.first()
        when (val answer = courier.approve(request.id, ask(request))) {
            is Answer.Rejected -> show(answer.reason.explanation)
            else -> show("$answer")
        }
        // README ends
        phone.close()
    }

    @Test
    fun `the start does what it says`() = runBlocking {
        Server().use { server ->
            val (step, code) = server.offer()
            lateinit var waiting: com.fasterxml.jackson.databind.JsonNode
            val shown = mutableListOf<String>()
            start(
                folder().toString(), TestKeys(), Finger, device(), DeviceFacts(true, 0.0), code, { it.account == "alice" },
                { Evidence.Number(Server.hiddenValue(waiting)!!) },
                { line ->
                    shown += line
                    if (shown.size == 1) waiting = server.registered(step)
                },
            )
            assertEquals("Settled(state=APPROVED)", shown.last())
            assertNotNull(server.next(waiting)["tokenId"])
        }
        Unit
    }

    private suspend fun register(
        phone: PushAuthenticator, courier: Courier, device: Device, facts: DeviceFacts, scannedText: String, pair: KeyPair,
        certificates: List<ByteArray>, unlocked: suspend (ToSign) -> Signature,
    ): Enrolled {
        // README of keys begins
        val key = DeviceKey((pair.public as ECPublicKey).jwk, KeyLevel.STRONGBOX, UserPresence.BIOMETRIC, certificates)
        val toSign = phone.call { registrationToSign(scannedText, key) }
        val chosen = KeyChoice.Hardware(key, toSign.signedBy(unlocked(toSign)))     // unlocked: your prompt's Signature, SHA256withECDSA
        val added = courier.enrol(scannedText, Enrolment(device, facts, replace = false, key = chosen))
        // README of keys ends
        return added
    }

    @Test
    fun `a key is registered as the README says`() = runBlocking {
        Server(deviceKey = "required").use { server ->
            openPhone().use { phone ->
                val pair = Chip().pair
                val sign = Signature.getInstance("SHA256withECDSA").apply { initSign(pair.private) }
                val added = register(phone, Courier(phone), device(), DeviceFacts(true, 0.0), server.offer().second, pair, emptyList()) { sign }
                assertEquals(KeyLevel.STRONGBOX, (added as Enrolled.Ready).account.key?.level)
            }
        }
    }

    @Test
    fun `the README holds it`() {
        assertTrue(check("", listOf("README.md", "bindings/kotlin/README.md")).lines().size <= 10, "a start of ten lines")
        check("of keys ", listOf("bindings/kotlin/README.md"))
    }

    /** Paths that a README names, in links and in its text, exist. */
    @Test
    fun `every path that a README names is there`() {
        val missing = mutableListOf<String>()
        for (name in listOf("README.md", "bindings/kotlin/README.md", "android/README.md")) {
            val text = repository.resolve(name).readText()
            val folder = repository.resolve(name).parent
            val linked = Regex("""\]\(([^)#:]+)(#[^)]*)?\)""").findAll(text).map { it.groupValues[1] }.toList()
            missing += linked.filterNot { folder.resolve(it).exists() }.map { "$name: $it" }
            val named = Regex("""`((?:android|bindings|docs|examples|ios|scripts|src|tests)/[\w./-]*)""").findAll(text).map { it.groupValues[1] }
            // Build output does not exist before the build.
            val written = named.filterNot { "/target/" in it || "jniLibs" in it }.toList()
            missing += written.filterNot { repository.resolve(it).exists() || folder.resolve(it).exists() }.map { "$name: $it" }
            assertTrue(linked.isNotEmpty() && written.isNotEmpty(), "paths are found in $name")
        }
        assertEquals(emptyList<String>(), missing)
    }

    private fun check(part: String, files: List<String>): String {
        val source = repository.resolve("bindings/kotlin/src/test/kotlin/org/pushauthenticator/ReadmeTest.kt").readText()
        val code = source.substringAfter("// README ${part}begins\n").substringBefore("        // README ${part}ends").trimIndent().trim()
        for (file in files) {
            val blocks = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(repository.resolve(file).readText())
            assertEquals(1, blocks.count { it.groupValues[1].trim() == code }, "$file and this test differ")
        }
        return code
    }
}
