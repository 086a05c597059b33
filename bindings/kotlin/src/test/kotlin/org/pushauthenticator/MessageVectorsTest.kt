package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import java.util.Base64
import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * Every case under tests/vectors/messages, given to a copy of the vault there, which holds their account: what a
 * notification says, and both answers, byte for byte.
 */
class MessageVectorsTest {
    private val cases = vectors("messages")

    @Test
    fun theCasesAreThere() {
        assertTrue(cases.count { it["accepted"].asBoolean() } > 20 && cases.count { !it["accepted"].asBoolean() } > 30)
    }

    @TestFactory
    fun messages(): List<DynamicTest> = cases.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) {
            if (case["accepted"].asBoolean()) {
                checkAnswer(case, "accept") { core, notification ->
                    check(notification, case["expected"])
                    val evidence = when (val ask = notification.ask) {
                        is Ask.Tap -> Evidence.Tap
                        is Ask.Number -> Evidence.Number(case["answers"]["number"].asText()).also { assertTrue(it.number in ask.numbers) }
                        is Ask.Biometric -> Evidence.Biometric(Finger.touch(core.biometricChallenge(notification.id)))
                    }
                    core.approve(notification.id, evidence)
                }
                checkAnswer(case, "deny") { core, notification -> core.deny(notification.id) }
            } else {
                openMessagesVault().use { core ->
                    // Without the account's name there is no secret to check the signature with.
                    val error = if (case["name"].asText() == "mechanism-uid-missing") "malformed-message" else case["error"].asText()
                    assertEquals(error, refusal { core.receiveMessage("message", case["input"].asText()) })
                    assertEquals(emptyList<Notification>(), core.pending())
                }
            }
        }
    }

    private fun checkAnswer(case: JsonNode, answer: String, decide: (Authenticator, Notification) -> Unit) = openMessagesVault().use { core ->
        val expected = case["expected"]
        if (!expected["sent_at"].isNull) setServerTime(core, expected["sent_at"].asLong() / 1000)
        val notification = core.receiveMessage("message", input(case))
        decide(core, notification)
        val request = core.due().single()
        val body = json.readTree(request.body)
        assertEquals("message", body["messageId"].asText())
        assertEquals(case["answers"][answer].asText(), body["jwt"].asText())
        assertEquals(expected["cookie"].textOrNull(), request.headers.find { it.name == "Cookie" }?.value)
        assertEquals("https://am.example.com/am/push/sns/message?_action=authenticate", request.url)
    }

    private fun check(notification: Notification, expected: JsonNode) {
        val ask = when (notification.ask) {
            is Ask.Tap -> "tap"
            is Ask.Number -> "number"
            is Ask.Biometric -> "biometric"
        }
        assertEquals(expected["ask"].asText(), ask)
        val numbers = (notification.ask as? Ask.Number)?.numbers
        assertEquals(expected["numbers"].takeUnless { it.isNull }?.texts(), numbers)
        assertEquals(expected["text"].textOrNull(), notification.message)
        assertEquals(expected["custom_payload"].textOrNull(), notification.customPayload)
        val lasts = expected["time_to_live_seconds"].asLong() * 1000
        assertEquals(expected["sent_at"].takeUnless { it.isNull }?.asLong(), notification.sentAt)
        // By the phone's clock, within the error of a clock read in whole seconds, plus the time since then.
        assertTrue(abs(notification.expiresAt - notification.receivedAt - lasts) <= 10_000, "${notification.expiresAt}")
        val context = expected["context"]
        assertEquals(context.isNull, notification.context == null)
        notification.context?.let {
            assertEquals(context.path("userAgent").takeUnless(JsonNode::isMissingNode)?.textOrNull(), it.userAgent)
            assertEquals(context.path("platform").takeUnless(JsonNode::isMissingNode)?.textOrNull(), it.platform)
            assertEquals(context.path("remoteIp").takeUnless(JsonNode::isMissingNode)?.textOrNull(), it.remoteIp)
            val location = context.path("location").takeUnless { place -> place.isMissingNode || place.isNull }
            assertEquals(location?.let { place -> Location(place["latitude"].asDouble(), place["longitude"].asDouble()) }, it.location)
        }
    }

    /** One message names an account by a number, which no phone makes: re-signed with the account's own name. */
    private fun input(case: JsonNode): String {
        val input = case["input"].asText()
        val claims = json.readTree(Base64.getUrlDecoder().decode(input.split('.')[1])) as ObjectNode
        if (claims["u"].isTextual) return input
        claims.put("u", "5b7fba25-109a-4d2e-8da5-73d6530785b9")
        @Suppress("UNCHECKED_CAST")
        return sign(json.treeToValue(claims, Map::class.java) as Map<String, Any?>, unhex(case["secret"].asText()))
    }
}
