package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.nio.ByteBuffer
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue

/** The account that the steps sign on with, and the part of its server that signs messages. */
private class SigningServer(val secret: ByteArray, val mechanismUid: String, private val phone: Phone) {
    private var number = 0
    lateinit var challenge: ByteArray
        private set

    /** Returns a message that was sent just now, with some claims replaced. */
    fun message(vararg others: Pair<String, Any?>, sentAt: Long = phone.now): String {
        challenge = ByteBuffer.allocate(32).putInt(++number).array()
        val claims = mapOf(
            "u" to mechanismUid, "c" to Base64.getEncoder().encodeToString(challenge), "t" to "120", "i" to "$sentAt",
            "m" to "Login attempt from demo at Ping",
        )
        return sign(claims + others, secret)
    }

    fun ask(id: String, vararg others: Pair<String, Any?>): Notification =
        phone.core.receiveMessage(id, message(*others))

    /** Returns the response that the JVM expects to a challenge, by default to the last one. */
    fun response(to: ByteArray = challenge): String = Base64.getEncoder().encodeToString(hmac("HmacSHA256", secret, to))
}

private val NUMBERS = arrayOf<Pair<String, Any?>>("k" to "challenge", "n" to "34,43,57")
private val OK = HttpResponse(200u, null, "{}".toByteArray())

/** Returns the claims of the only HTTP request that is due, after the JVM checked its signature, and the request. */
private fun Phone.due(secret: ByteArray): Pair<HttpRequest, JsonNode> {
    val request = core.due().single()
    return request to claims(json.readTree(request.body)["jwt"].asText(), secret)
}

private fun Phone.deliver(id: String): Outcome = (core.delivered(id, OK) as Delivery.Done).outcome

/** The life of a push account from its registration URI to its history, with the URI of tests/vectors/uris. */
fun Steps.signOns(phone: Phone) {
    val case = vectors("uris").single { it["name"].asText() == "pushauth-complete" }
    val (code, expected) = case["input"].asText() to case["expected"]
    val secret = unhex(expected["push"]["secret"].asText())
    lateinit var server: SigningServer
    lateinit var account: Account

    step("a push account is previewed, and nothing is kept") {
        val before = phone.core.accounts()
        val preview = phone.core.preview(code)
        assertEquals(listOf("Ping", "demo", "am.example.com"), listOf(preview.issuer, preview.account, preview.host))
        assertEquals(expected["policies"].texts(), preview.policies)
        assertEquals(before, phone.core.accounts())
    }
    step("its registration answers the challenge, signed as the JVM signs it") {
        account = phone.core.enrol(code, enrolment(), Finger)
        assertEquals(AccountState.ENROLLING, account.state)
        val (request, claims) = phone.due(secret)
        val push = expected["push"]
        assertEquals(push["registration_endpoint"].asText() to RequestKind.REGISTRATION, request.url to request.kind)
        assertEquals(push["cookie"].asText(), request.headers.single { it.name == "Cookie" }.value)
        assertEquals(push["message_id"].asText(), json.readTree(request.body)["messageId"].asText())
        val response = hmac("HmacSHA256", secret, unhex(push["challenge"].asText()))
        assertEquals(Base64.getEncoder().encodeToString(response), claims["response"].asText())
        assertEquals("token-0123456789", claims["deviceId"].asText())
        server = SigningServer(secret, claims["mechanismUid"].asText(), phone)
        assertEquals(Outcome.AccountActive(account.id), phone.deliver(request.id))
        assertEquals(AccountState.ACTIVE, phone.core.accounts().single { it.id == account.id }.state)
    }
    step("a message that asks for a number is taken in and pending") {
        val request = server.ask("message-1", *NUMBERS)
        assertEquals(Ask.Number(listOf("34", "43", "57")), request.ask)
        assertEquals("Login attempt from demo at Ping", request.message)
        assertEquals(120_000, request.expiresAt - phone.now)
        assertEquals(listOf(request), phone.core.pending())
    }
    step("a push in the form of FCM and the same one in that of APNs are one request") {
        val jwt = server.message(*NUMBERS)
        val fcm = json.writeValueAsBytes(mapOf("data" to mapOf("messageId" to "message-2", "message" to jwt)))
        val apns = json.writeValueAsBytes(mapOf("aps" to mapOf("messageId" to "message-2", "data" to jwt)))
        assertEquals(phone.core.receive(fcm), phone.core.receive(apns))
        assertEquals(2, phone.core.pending().size)
    }
    step("a number that was not offered, and a tap, are rejected") {
        val request = phone.core.pending().last()
        assertEquals("number-not-offered", refusal { phone.core.approve(request.id, Evidence.Number("99")) })
        assertEquals("number-needed", refusal { phone.core.approve(request.id, Evidence.Tap) })
    }
    step("the right number: the answer has it and the response, and the server's 200 settles it") {
        val request = phone.core.pending().last()
        phone.core.approve(request.id, Evidence.Number("43"))
        val (sent, claims) = phone.due(secret)
        assertEquals("message-1", json.readTree(sent.body)["messageId"].asText())
        assertEquals("43", claims["challengeResponse"].asText())
        assertEquals(server.response(ByteBuffer.allocate(32).putInt(1).array()), claims["response"].asText())
        assertEquals(Outcome.Answered(request.id, NotificationState.APPROVED), phone.deliver(sent.id))
        assertEquals("already-answered", refusal { phone.core.approve(request.id, Evidence.Number("43")) })
    }
    step("a wrong number: the server's 400 ends the sign-on, and the phone says what the server said") {
        val request = phone.core.pending().single()
        phone.core.approve(request.id, Evidence.Number("57"))
        val body = """{"code":400,"reason":"Bad Request","message":"The number does not match."}""".toByteArray()
        val sent = phone.due(secret).first
        val refused = phone.core.delivered(sent.id, HttpResponse(400u, null, body)) as Delivery.Refused
        assertEquals("The number does not match.", refused.message)
        assertEquals(NotificationState.FAILED, phone.core.notification(request.id).state)
    }
    step("a biometric unwraps the slot; the wrapped bytes are no evidence") {
        val request = server.ask("message-3", "k" to "biometric")
        val wrapped = phone.core.biometricChallenge(request.id)
        assertEquals("biometric-refused", refusal { phone.core.approve(request.id, Evidence.Biometric(wrapped)) })
        phone.core.approve(request.id, Evidence.Biometric(Finger.touch(wrapped)))
        val (sent, claims) = phone.due(secret)
        assertEquals(server.response(), claims["response"].asText())
        assertEquals(Outcome.Answered(request.id, NotificationState.APPROVED), phone.deliver(sent.id))
    }
    step("a denial says so and answers the challenge all the same") {
        val request = server.ask("message-4")
        phone.core.deny(request.id)
        val (sent, claims) = phone.due(secret)
        assertTrue(claims["deny"].asBoolean())
        assertEquals(server.response(), claims["response"].asText())
        assertEquals(Outcome.Answered(request.id, NotificationState.DENIED), phone.deliver(sent.id))
    }
    step("a message that was tampered with, or signed by another, is rejected") {
        fun reason(jwt: String) = refusal { phone.core.receiveMessage("message-5", jwt) }
        val (header, body, signature) = server.message(*NUMBERS).split('.')
        val changed = encode(String(Base64.getUrlDecoder().decode(body)).replace("34,43,57", "34,43,58"))
        assertEquals("wrong-signature", reason("$header.$changed.$signature"))
        val forged = encode(hmac("HmacSHA256", SECRET, "$header.$body".toByteArray()))
        assertEquals("wrong-signature", reason("$header.$body.$forged"))
        assertEquals("unknown-credential", reason(server.message("u" to "nobody")))
    }
    step("a message that is over, of the future, or a replay is rejected; nothing of them is kept") {
        val late = server.message(sentAt = phone.now - 181_000)
        assertEquals("expired", refusal { phone.core.receiveMessage("message-6", late) })
        val early = server.message(sentAt = phone.now + 301_000)
        assertEquals("from-the-future", refusal { phone.core.receiveMessage("message-6", early) })
        val jwt = server.message()
        val request = phone.core.receiveMessage("message-7", jwt)
        assertEquals("replayed", refusal { phone.core.receiveMessage("message-8", jwt) })
        phone.now += 181_000
        assertEquals(emptyList<Notification>(), phone.core.pending())
        assertEquals("expired", refusal { phone.core.approve(request.id, Evidence.Tap) })
    }
    step("a pull is signed with time and nonce, and what the server lists is taken in") {
        val pull = phone.core.pull(0u).single()
        val claims = claims(json.readTree(pull.body)["jwt"].asText(), secret)
        assertEquals(listOf(server.mechanismUid, "pending"), listOf("sub", "aud").map { claims[it].asText() })
        assertEquals(phone.now / 1000, claims["iat"].asLong())
        assertTrue(claims["nonce"].asText().length >= 16)
        val message = mapOf("messageId" to "message-9", "message" to server.message())
        val listed = json.writeValueAsBytes(mapOf("messages" to listOf(message)))
        val pulled = phone.core.pulled(pull, HttpResponse(200u, null, listed)) as Pulled.Messages
        assertEquals(listOf(pulled.notifications.single()), phone.core.pending())
    }
    step("while the phone is locked a request hides what it says, and cannot be approved") {
        phone.core.setConcealed(true)
        val request = phone.core.pending().single()
        assertEquals(null to true, request.message to request.concealed)
        assertEquals("device-locked", refusal { phone.core.approve(request.id, Evidence.Tap) })
        phone.core.setConcealed(false)
        assertNotNull(phone.core.pending().single().message)
    }
    step("what could not be sent waits: the same bytes are due later, and at once when asked for") {
        phone.core.approve(phone.core.pending().single().id, Evidence.Tap)
        val (first, _) = phone.due(secret)
        val retry = phone.core.failed(first.id, SendFailure.NOT_SENT) as Delivery.Retry
        assertTrue(retry.at > phone.now)
        assertEquals(emptyList<HttpRequest>(), phone.core.due())
        phone.core.retryNow()
        assertArrayEquals(first.body, phone.due(secret).first.body)
        phone.deliver(first.id)
    }
    step("another push token is told to the server, signed") {
        phone.core.setPushToken("another-token-0123456789", CommunicationType.EMBEDDED)
        val (request, claims) = phone.due(secret)
        assertEquals(RequestKind.TOKEN_REFRESH, request.kind)
        assertEquals("another-token-0123456789", claims["deviceId"].asText())
        assertEquals(Outcome.TokenChanged(account.id), phone.deliver(request.id))
    }
    step("the history has every settled request, newest first, and is cleaned to what is to stay") {
        val states = phone.core.history(100u, 0u).map { it.state.name }
        assertEquals("APPROVED EXPIRED DENIED APPROVED FAILED APPROVED", states.joinToString(" "))
        assertEquals(4uL, phone.core.cleanHistory(Retention(2u, null)))
        assertEquals(2, phone.core.history(100u, 0u).size)
    }
    step("log and events tell what happened, without a secret") {
        assertTrue(phone.lines.any { it.startsWith("INFORMATION enrolled account=${account.id}") }, "${phone.lines}")
        assertTrue(phone.core.events(100u).any { it.kind == "decided" && it.detail == "deny" })
        val shapes = listOf(encode(secret), Base64.getEncoder().encodeToString(secret))
        assertFalse(phone.lines.any { line -> shapes.any { it in line } })
    }
}
