package org.pushauthenticator

import kotlin.io.path.readText
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Test

/** The README's start for Kotlin is the code below, and it does what it says. */
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
            is Answer.Settled -> show("${answer.state}")
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
            assertEquals("APPROVED", shown.last())
            assertNotNull(server.next(waiting)["tokenId"])
        }
        Unit
    }

    @Test
    fun `the README holds it`() {
        val source = repository.resolve("bindings/kotlin/src/test/kotlin/org/pushauthenticator/ReadmeTest.kt").readText()
        val code = source.substringAfter("// README begins\n").substringBefore("        // README ends").trimIndent().trim()
        for (file in listOf("README.md", "bindings/kotlin/README.md")) {
            val blocks = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(repository.resolve(file).readText())
            assertEquals(1, blocks.count { it.groupValues[1].trim() == code }, "$file and this test differ")
        }
    }
}
