package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import java.net.URI
import java.security.MessageDigest
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Messages recorded from a real phone SDK (tests/vectors/captures): what it was sent and what it sent back. The core
 * makes the name of an account, so messages are re-signed for it, and in the answers the recorded name replaces it.
 */
class CaptureVectorsTest {
    private val cases = json.readTree(repository.resolve("tests/vectors/captures/legacy-android-sdk.json").toFile())["cases"].toList()
    private val secret = MessageDigest.getInstance("SHA-256").digest("rig secret".toByteArray())
    private val register = case("register (pushauth, 200 {})")
    private val recordedName = register["claims"]["mechanismUid"].asText()

    private fun case(name: String) = cases.single { it["case"].asText() == name }
    private fun decode(part: String) = String(Base64.getUrlDecoder().decode(part))
    private fun url(case: JsonNode) = "http://127.0.0.1:19081" + case["sent"][0]["request"].asText().split(' ')[1]
    private fun recordedBody(case: JsonNode) = json.readTree(case["sent"][0]["body"].asText())

    /** A phone with the recorded account, by the server's clock at the time of the recording. */
    private inner class Recorded : AutoCloseable {
        val core = openCore()
        private val name: String

        init {
            val device = Device("Google Pixel 8", Platform.ANDROID, "fcm-token-legacy-0123456789", CommunicationType.GCM)
            core.enrol(register["uri"].asText(), enrolment().copy(device = device), Finger)
            val request = core.due().single()
            assertEquals(url(register), request.url)
            assertEquals(register["sent"][0]["headers"]["Cookie"].asText(), cookie(request))
            val body = json.readTree(request.body)
            assertEquals(recordedBody(register)["messageId"], body["messageId"])
            val claims = claims(body["jwt"].asText(), secret) as ObjectNode
            name = claims["mechanismUid"].asText()
            assertEquals(register["claims"], claims.put("mechanismUid", recordedName))
            core.delivered(request.id, HttpResponse(200u, date(RECORDED_AT), "{}".toByteArray()))
        }

        fun cookie(request: HttpRequest) = request.headers.find { it.name == "Cookie" }?.value

        fun receive(case: JsonNode): Notification {
            val (header, claims) = case["message"].asText().split('.').map { it }.take(2)
            val signed = header + "." + encode(decode(claims).replace(recordedName, name))
            return core.receiveMessage(case["messageId"].asText(), signed + "." + encode(hmac("HmacSHA256", secret, signed.toByteArray())))
        }

        /** Returns what was sent for an answer or a token, with the recorded name, after checking its signature. */
        fun sent(): Pair<HttpRequest, List<String>> {
            val request = core.due().single()
            val jwt = json.readTree(request.body)["jwt"].asText()
            claims(jwt, secret)
            core.delivered(request.id, HttpResponse(200u, date(RECORDED_AT), "{}".toByteArray()))
            return request to jwt.split('.').take(2).map { decode(it).replace(name, recordedName) }
        }

        override fun close() = core.close()
    }

    @Test
    fun `answers are what was recorded, byte for byte`() = Recorded().use { phone ->
        val tap = { id: String -> phone.core.approve(id, Evidence.Tap) }
        val deny = { id: String -> phone.core.deny(id) }
        val answers = listOf(
            Triple("message default", "accept", tap), Triple("message default 2", "deny", deny),
            Triple("message challenge n=34,43,57", "accept with number 43") { id -> phone.core.approve(id, Evidence.Number("43")) },
            Triple("message challenge, denied", "deny a challenge", deny),
            Triple("message biometric", "accept biometric") { id ->
                phone.core.approve(id, Evidence.Biometric(Finger.touch(phone.core.biometricChallenge(id))))
            },
            Triple("message full context", "accept full", tap),
            Triple("message without i, t, l, k, m", "accept minimal (no cookie in message)", tap),
            Triple("header without typ", "accept no-typ", tap), Triple("server says 400", "accept, server 400", tap),
        )
        for ((message, answer, act) in answers) {
            act(phone.receive(case(message)).id)
            val recorded = case(answer)
            val (request, parts) = phone.sent()
            assertEquals(recordedBody(recorded)["jwt"].asText().split('.').take(2).map(::decode), parts, message)
            assertEquals(recordedBody(recorded)["messageId"], json.readTree(request.body)["messageId"], message)
            assertEquals(url(recorded), request.url, message)
            assertEquals(recorded["sent"][0]["headers"]["Cookie"]?.asText(), phone.cookie(request), message)
        }
    }

    @Test
    fun `what the SDK mistook or refused is refused by name, and numbers are read`() = Recorded().use { phone ->
        val number = phone.receive(case("message challenge, accepted without number"))
        assertEquals("number-needed", refusal { phone.core.approve(number.id, Evidence.Tap) })
        val refused = mapOf(
            "unknown mechanism u" to "unknown-credential", "expired (i 10 min ago, t 120)" to "expired",
            "unknown push type k=foo" to "unknown-push-type", "challenge c in base64url unpadded" to "bad-challenge",
        )
        for ((name, code) in refused) assertEquals(code, refusal { phone.receive(case(name)) }, name)
        val forged = case("wrong signature")
        assertEquals("unknown-credential", refusal { phone.core.receiveMessage(forged["messageId"].asText(), forged["message"].asText()) })
        assertEquals(Ask.Tap, phone.receive(case("claims as numbers t=120 i=now")).ask)
    }

    @Test
    fun `a changed token is told with the recorded claims`() = Recorded().use { phone ->
        val recorded = case("device token update")
        phone.core.setPushToken("new-fcm-token-9876", CommunicationType.GCM)
        val (request, parts) = phone.sent()
        assertEquals(recorded["claims"], (json.readTree(parts[1]) as ObjectNode).apply { remove("iat") })
        assertEquals(URI(url(recorded)), URI(request.url))
    }

    @Test
    fun `every recorded registration code is previewed, or refused by name`() = openCore().use { core ->
        val codes = cases.filter { it.has("uri") }
        assertTrue(codes.size >= 8)
        for (case in codes) {
            val uri = case["uri"].asText()
            val expected = when {
                case["case"].asText() == "register without c and m" -> "missing-parameter"
                uri.startsWith("pushauth") -> "[PUSH]"
                uri.startsWith("mfauth") -> "[PUSH, TOTP]"
                else -> "[TOTP]"
            }
            val read = try {
                "${core.preview(uri).kinds}"
            } catch (refused: AuthenticatorException) {
                refused.code
            }
            assertEquals(expected, read, case["case"].asText())
        }
    }

    private companion object {
        /** In seconds: at this time, everything recorded except the expired message is fresh. */
        const val RECORDED_AT = 1_795_539_004L
    }
}
