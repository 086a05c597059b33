package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.math.BigInteger
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.Signature
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECPrivateKeySpec
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * The proofs under tests/vectors/proofs, accepted and rejected, submitted as an app does: signed by a hardware key, and
 * checked by the core before anything is sent. The account's key is that of the cases.
 *
 * Answers are submitted unchanged, with a server's clock at the case's time. The phone's own clock checks a
 * registration, and a pull contains a name that the phone makes, so these are re-signed with only that time or name
 * replaced.
 */
class SignedProofVectorsTest {
    private val cases = vectors("proofs")
    private val proofs = cases.filter { it["kind"].asText() in KINDS }
    private val everything = cases.single { it["name"].asText() == "shown-everything" }

    private fun decode(part: String) = String(Base64.getUrlDecoder().decode(part))
    private fun DeviceKey(jwk: JsonNode, presence: UserPresence) = DeviceKey("$jwk", KeyLevel.STRONGBOX, presence)

    @Test
    fun `every case is run, or named with the reason why not`() {
        assertEquals(KINDS + setOf("shown", "attestation"), cases.map { it["kind"].asText() }.toSet())
        assertTrue(proofs.size >= 86 && proofs.count { it["accepted"].asBoolean() } >= 14, "${proofs.size}")
        val names = proofs.filterNot { it["accepted"].asBoolean() }.map { it["name"].asText() }
        for (name in LEFT_OUT.keys + EARLIER - setOf("answer-just-not-expired", "pull-just-not-expired")) assertTrue(name in names, name)
        assertTrue(proofs.mapNotNull { it["error"]?.asText() }.toSet().all { it in REASONS })
    }

    @TestFactory
    fun proofs(): List<DynamicTest> = proofs.filterNot { it["name"].asText() in LEFT_OUT }.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) {
            openCore().use { core ->
                when (case["kind"].asText()) {
                    "answer" -> answer(core, case)
                    "pull" -> pull(core, case)
                    else -> registration(core, case)
                }
            }
        }
    }

    private fun answer(core: Authenticator, case: JsonNode) {
        val expected = case["expected"]
        if (case["name"].asText() in NO_KEYS) return check(case, refused { register(core, case, code(), UserPresence.DEVICE) })
        val server = register(core, case, code(), UserPresence.DEVICE)
        val message = claims(everything["message"].asText(), SECRET_OF_MESSAGES).properties().associate { it.key to it.value.asText() }
        val asked = (if (expected["number"].isNull) message - setOf("k", "n") else message) + ("u" to server.mechanismUid)
        val request = core.receiveMessage(expected["message_id"].asText(), sign(asked, SECRET_OF_MESSAGES))
        val (token, number) = case["token"].asText() to expected["number"].textOrNull()
        val result = refused {
            if (expected["decision"].asText() == "deny") core.denySigned(request.id, reason(case), signed(token))
            else core.approveSigned(request.id, number?.let { Evidence.Number(it) } ?: Evidence.Tap, signed(token))
        }
        check(case, result)
        val due = core.due()
        assertEquals(if (result == null) 1 else 0, due.size, "what is refused does not go out")
        due.forEach { assertEquals(token, claims(json.readTree(it.body)["jwt"].asText(), SECRET_OF_MESSAGES)["proof"].asText()) }
        if (result != null) assertEquals(listOf(request.id), core.pending().map { it.id }, "and may still be answered")
    }

    private fun pull(core: Authenticator, case: JsonNode) {
        val server = register(core, case, code(), UserPresence.NONE)
        val token = signedAnew(case) { it.replace(case["expected"]["mechanism_uid"].asText(), server.mechanismUid) }
        var pull: PullRequest? = null
        check(case, refused { pull = core.pullSigned(server.account.id, 0u, signed(token)) })
        pull?.let {
            val claims = claims(json.readTree(it.body)["jwt"].asText(), SECRET_OF_MESSAGES)
            assertEquals(token, claims["proof"].asText())
            assertEquals(listOf(case["expected"]["iat"], case["expected"]["nonce"]), listOf(claims["iat"], claims["nonce"]))
        }
    }

    private fun registration(core: Authenticator, case: JsonNode) {
        val expected = case["expected"]
        val code = code(expected["message_id"].asText(), unhex(expected["challenge"].asText()))
        val passed = System.currentTimeMillis() / 1000 - clock(case)
        val token = signedAnew(case) { claims ->
            Regex("\"(iat|exp)\":(\\d+)").replace(claims) { "\"${it.groupValues[1]}\":${it.groupValues[2].toLong() + passed}" }
        }
        val choice = KeyChoice.Hardware(DeviceKey(case["jwk"], UserPresence.DEVICE), signed(token))
        val result = refused { core.enrol(code, enrolment().copy(key = choice), null) }
        check(case, result)
        val due = core.due()
        assertEquals(if (result == null) 1 else 0, due.size, "what is refused does not go out")
        due.forEach { assertEquals(token, claims(json.readTree(it.body)["jwt"].asText(), SECRET_OF_MESSAGES)["proof"].asText()) }
        if (result != null) assertEquals(emptyList<Account>(), core.accounts())
    }

    /** Registers an account whose key is the case's, and whose server's clock is at the case's time. */
    private fun register(core: Authenticator, case: JsonNode, code: String, presence: UserPresence): Registered {
        val key = DeviceKey(case["jwk"], presence)
        val bytes = core.registrationToSign(code, key).bytes
        val choice = KeyChoice.Hardware(key, Signed(bytes, KeySignature.Fixed(sign(bytes, KEY))))
        return Registered(core, code, date(clock(case)), SECRET_OF_MESSAGES, choice)
    }

    private fun code(messageId: String = "REGISTER:case", challenge: ByteArray = ByteArray(32)): String =
        "pushauth://push/Ping:ada?issuer=${encode("Ping")}&v=2&m=$messageId&s=${encode(SECRET_OF_MESSAGES)}&c=${encode(challenge)}" +
            "&r=${encode("https://login.example.com/am?_action=register")}&a=${encode("https://login.example.com/am?_action=authenticate")}"

    private fun clock(case: JsonNode): Long = case["expected"]["now"].asLong() - if (case["name"].asText() in EARLIER) MARGIN else 0

    /**
     * Returns the case's token with changed claims, signed correctly, or incorrectly if that is what the case is about.
     */
    private fun signedAnew(case: JsonNode, change: (String) -> String): String {
        val (header, body) = case["token"].asText().split('.')
        val claims = change(decode(body))
        val (name, input) = case["name"].asText() to "$header.${encode(claims)}"
        val signature = when {
            name.endsWith("-other-key") -> sign(input.toByteArray(), OTHER_KEY)
            name.endsWith("-altered-after-signing") -> sign("$header.${encode(claims.replace("1893456299", "1893456300"))}".toByteArray(), KEY)
            else -> sign(input.toByteArray(), KEY)
        }
        return "$input.${encode(signature)}"
    }

    private fun sign(bytes: ByteArray, key: PrivateKey): ByteArray =
        Signature.getInstance("SHA256withECDSAinP1363Format").apply { initSign(key); update(bytes) }.sign()

    private fun signed(token: String): Signed {
        val signature = Base64.getUrlDecoder().decode(token.substringAfterLast('.'))
        return Signed(token.substringBeforeLast('.').toByteArray(), KeySignature.Fixed(signature))
    }

    private fun reason(case: JsonNode): DenyReason? =
        case["reason"]?.textOrNull()?.let { DenyReason.valueOf(it.uppercase().replace('-', '_')) }

    private fun refused(work: () -> Unit): AuthenticatorException.Refused? = try {
        work()
        null
    } catch (refused: AuthenticatorException.Refused) {
        refused
    }

    /** The boundary has one error code for all of them; the text for the user says which it was. */
    private fun check(case: JsonNode, refused: AuthenticatorException.Refused?) {
        val error = case["error"]?.asText()
        assertEquals(error?.let { "signature-refused" }, refused?.code, "${case["name"]}: ${refused?.explanation}")
        if (error != null) assertTrue(REASONS.getValue(error) in refused!!.explanation, "${case["name"]}: ${refused.explanation}")
    }

    private companion object {
        val KINDS = setOf("answer", "registration", "pull")
        val SECRET_OF_MESSAGES = ByteArray(32) { (it + 1).toByte() }

        /** RFC 6979, appendix A.2.5. */
        const val PRIVATE = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
        private val OTHER = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        val OTHER_KEY: PrivateKey = OTHER.private
        val KEY: PrivateKey = KeyFactory.getInstance("EC")
            .generatePrivate(ECPrivateKeySpec(BigInteger(PRIVATE, 16), (OTHER.private as java.security.interfaces.ECPrivateKey).params))

        /** In seconds: more than passes between setting a clock and reading it. */
        const val MARGIN = 30L

        /** Cases whose time is a second before a limit: run [MARGIN] before it. */
        val EARLIER = setOf(
            "answer-just-not-expired", "answer-from-the-future", "pull-just-not-expired", "pull-from-the-future", "registration-from-the-future",
        )

        /**
         * Answers by something that is not a key: no account can have it, because its registration is rejected for the
         * same reason.
         */
        val NO_KEYS = setOf("answer-key-infinity", "answer-key-off-the-curve")

        /** Cases that cannot be submitted over this interface, and why. */
        val LEFT_OUT = mapOf(
            "answer-signature-padded" to "a signature is handed in as bytes: the core writes its base64",
            "answer-signature-trailing-bits" to "a signature is handed in as bytes: the core writes its base64",
            "pull-other-nonce" to "the pull takes its nonce from the proof that is handed in",
            "pull-other-time" to "the pull takes its time from the proof that is handed in",
        )

        /** The text of each error for the user. */
        val REASONS = mapOf(
            "proof-signature" to "not signed by the device key", "proof-message-id" to "about another message",
            "proof-subject" to "about another device", "proof-challenge" to "about another challenge",
            "proof-audience" to "for another server", "proof-from-the-future" to "from the future", "proof-expired" to "has expired",
            "proof-times" to "times are not valid", "proof-thumbprint" to "about another key", "proof-decision" to "another decision",
            "proof-number" to "another number", "proof-reason" to "a reason where none belongs", "proof-shown" to "about other text",
            "proof-nonce" to "goes with another request",
        )
    }
}
