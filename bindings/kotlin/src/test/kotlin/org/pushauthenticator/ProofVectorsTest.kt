package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import java.util.Base64
import java.util.HexFormat
import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * The cases under tests/vectors/proofs, to the extent that a phone produces their content: what was displayed, what a
 * platform has to attest, the proofs of answers, registrations and pulls. [SignedProofVectorsTest] covers the checking
 * of signatures.
 */
class ProofVectorsTest {
    private val cases = vectors("proofs")
    private val everything = cases.single { it["name"].asText() == "shown-everything" }

    private fun decode(part: String) = String(Base64.getUrlDecoder().decode(part))
    private fun header(token: String) = decode(token.split('.')[0])
    private fun body(token: String) = json.readTree(decode(token.split('.')[1])) as ObjectNode

    /** An account with a hardware key, with the names and the secret of a case. */
    private class Keyed(val core: Authenticator, case: JsonNode) {
        val chip = Chip()
        private val secret = unhex(case["secret"].asText())
        private val code = "pushauth://push/${part(case["issuer"].asText())}:${part(case["account"].asText())}" +
            "?issuer=${encode(case["issuer"].asText())}&v=2&m=REGISTER:case&s=${encode(secret)}&c=${encode(ByteArray(32) { it.toByte() })}" +
            "&r=${encode("https://login.example.com/am?_action=register")}&a=${encode("https://login.example.com/am?_action=authenticate")}"
        val registration: ToSign = core.registrationToSign(code, chip.key())
        val server = Registered(core, code, date(SENT_AT), secret, chip.choice(core, code, UserPresence.NONE))

        /** Receives the message of a case, re-signed for the name that the core gave the account. */
        fun receive(case: JsonNode, id: String): Notification {
            val (header, claims) = case["message"].asText().split('.')
            val changed = (json.readTree(Base64.getUrlDecoder().decode(claims)) as ObjectNode).put("u", server.mechanismUid)
            val signed = header + "." + encode(json.writeValueAsString(changed))
            return core.receiveMessage(id, signed + "." + encode(hmac("HmacSHA256", secret, signed.toByteArray())))
        }

        private fun part(text: String) = java.net.URLEncoder.encode(text, "UTF-8").replace("+", "%20")
    }

    private fun keyed(case: JsonNode = everything, work: Keyed.() -> Unit) = openCore().use { Keyed(it, case).work() }

    @Test
    fun theCasesAreThere() {
        assertEquals(listOf(5, 2), listOf("shown", "attestation").map { kind -> cases.count { it["kind"].asText() == kind } })
        assertTrue(cases.count { it.path("accepted").asBoolean() } >= 14)
    }

    @TestFactory
    fun `what was displayed has the digest of the case`(): List<DynamicTest> = cases.filter { it["kind"].asText() == "shown" }.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) {
            keyed(case) {
                val request = receive(case, "message")
                assertEquals(case["digest"], body(String(core.denialToSign(request.id, null).bytes))["shown"])
            }
        }
    }

    @TestFactory
    fun `what a platform has to attest is that of the case`(): List<DynamicTest> =
        cases.filter { it["kind"].asText() == "attestation" }.map { case ->
            DynamicTest.dynamicTest(case["name"].asText()) {
                val (origin, challenge) = case["audience"].asText() to unhex(case["challenge"].asText())
                val code = "pushauth://push/Ping:ada?issuer=${encode("Ping")}&v=2&m=${case["message_id"].asText()}&s=${encode(SECRET)}" +
                    "&c=${encode(challenge)}&r=${encode("$origin/am?_action=register")}&a=${encode("$origin/am?_action=authenticate")}"
                openCore().use { core ->
                    assertEquals(case["attestation_challenge"].asText(), HexFormat.of().formatHex(core.preview(code).attestationChallenge))
                    assertEquals(case["client_data_hash"].asText(), HexFormat.of().formatHex(core.appAttestClientDataHash(code, "${case["jwk"]}")))
                }
            }
        }

    @TestFactory
    fun `the proof of an answer is that of the case, but for the signature`(): List<DynamicTest> =
        listOf("answer-approve", "answer-deny", "answer-deny-mistake", "answer-deny-not-me", "answer-deny-other", "answer-number").map { name ->
            DynamicTest.dynamicTest(name) {
                val case = cases.single { it["name"].asText() == name }
                keyed {
                    val expected = body(case["token"].asText())
                    val number = case["expected"]["number"].textOrNull()
                    val request = receive(if (number == null && expected["decision"].asText() == "approve") tapped() else everything, expected["messageId"].asText())
                    val toSign = if (expected["decision"].asText() == "approve") {
                        core.approvalToSign(request.id, number)
                    } else {
                        core.denialToSign(request.id, reason(case["reason"].textOrNull()))
                    }
                    same(case, toSign, SENT_AT)
                }
            }
        }

    @Test
    fun `the proofs of a registration and of a pull have the claims of their cases`() = keyed {
        val registered = cases.single { it["name"].asText() == "registration" }
        // The registration URI determines the message id. The key differs, and a phone gives a registration longer to
        // arrive.
        same(registered, registration, System.currentTimeMillis() / 1000, "messageId" to "REGISTER:case", "jkt" to null, "exp" to null)
        val pull = cases.single { it["name"].asText() == "pull" }
        same(pull, core.pullsToSign().single().toSign, SENT_AT, "sub" to server.mechanismUid, "jkt" to null, "nonce" to null)
    }

    /** The same message with a tap instead: what is displayed does not depend on the way it is answered. */
    private fun tapped(): JsonNode {
        val (header, claims) = everything["message"].asText().split('.')
        val changed = (json.readTree(decode(claims)) as ObjectNode).apply { remove("k"); remove("n") }
        return json.createObjectNode().put("message", "$header.${encode(json.writeValueAsString(changed))}.")
    }

    /**
     * Asserts that header and claims are the case's, with times shifted by what passed meanwhile. The claims in [other]
     * have this value, or any.
     */
    private fun same(case: JsonNode, toSign: ToSign, now: Long, vararg other: Pair<String, String?>) {
        val (ours, token) = String(toSign.bytes) to case["token"].asText()
        assertEquals(header(token), header(ours))
        val (made, expected) = body(ours) to body(token)
        assertEquals(expected.fieldNames().asSequence().toSet(), made.fieldNames().asSequence().toSet())
        assertTrue(abs(made["iat"].asLong() - now) <= 10, "$made")
        val lasts = made["exp"].asLong() - made["iat"].asLong() - (expected["exp"].asLong() - expected["iat"].asLong())
        assertTrue(abs(lasts) <= 10 || other.any { it.first == "exp" }, "$made")
        for ((name, value) in other) {
            if (value != null) assertEquals(value, made[name].asText())
            made.set<JsonNode>(name, expected[name])
        }
        for (name in listOf("iat", "exp")) made.set<JsonNode>(name, expected[name])
        assertEquals(expected, made)
    }

    private fun reason(name: String?): DenyReason? = when (name) {
        "not-me" -> DenyReason.NOT_ME
        "mistake" -> DenyReason.MISTAKE
        "other" -> DenyReason.OTHER
        else -> null
    }

    private companion object {
        /**
         * When the cases' message was sent, in seconds; the phone learns that time from the response to the
         * registration.
         */
        const val SENT_AT = 1_893_456_000L
    }
}
