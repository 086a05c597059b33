package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.math.BigInteger
import java.security.KeyFactory
import java.security.PublicKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue

/** Returns the claims of a proof, after the JVM checked its ES256 signature. */
private fun proved(key: PublicKey, proof: String): JsonNode {
    val signature = Base64.getUrlDecoder().decode(proof.substringAfterLast('.'))
    val verifier = Signature.getInstance("SHA256withECDSAinP1363Format").apply { initVerify(key) }
    verifier.update(proof.substringBeforeLast('.').toByteArray())
    assertTrue(verifier.verify(signature), "the proof's signature is wrong")
    return json.readTree(Base64.getUrlDecoder().decode(proof.split('.')[1]))
}

private fun publicKey(jwk: JsonNode): PublicKey {
    val (x, y) = listOf("x", "y").map { BigInteger(1, Base64.getUrlDecoder().decode(jwk[it].asText())) }
    val curve = (Chip().pair.public as ECPublicKey).params
    return KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(ECPoint(x, y), curve))
}

private val NUMBERS = arrayOf<Pair<String, Any?>>("k" to "challenge", "n" to "34,43,57")

/** Returns the claims of the only HTTP request that is due, and answers it with 200. */
private fun Phone.sent(): JsonNode {
    val request = core.due().single()
    core.delivered(request.id, HttpResponse(200u, null, "{}".toByteArray()))
    return claims(json.readTree(request.body)["jwt"].asText())
}

/** Accounts with a signing key: one of the JVM, whose signatures the library checks, and one that the library makes. */
fun Steps.deviceKeys(phone: Phone) {
    val chip = Chip()
    lateinit var server: Registered

    step("a key in hardware registers: its proof holds for the JVM") {
        val code = registrationCode("ada", more = "&v=2")
        val choice = chip.choice(phone.core, code, UserPresence.DEVICE)
        val account = phone.core.enrol(code, enrolment().copy(key = choice), Finger)
        val claims = claims(json.readTree(phone.core.due().single().body)["jwt"].asText())
        assertEquals(chip.key().jwk, claims["jwk"].toString())
        val proof = proved(chip.pair.public, claims["proof"].asText())
        val said = listOf("messageId", "aud").map { proof[it].asText() }
        assertEquals(listOf("REGISTER:ada", "https://am.example.com"), said)
        phone.core.remove(account.id)
        server = Registered(phone.core, code, key = choice)
    }
    step("an answer without its signature, or with another's, is rejected") {
        val request = phone.core.receiveMessage("keyed-1", server.message(1, *NUMBERS))
        val number = Evidence.Number("43")
        assertEquals("signature-needed", refusal { phone.core.approve(request.id, number) })
        val wrong = Chip().sign(phone.core.approvalToSign(request.id, "43"))
        assertEquals("signature-refused", refusal { phone.core.approveSigned(request.id, number, wrong) })
        val other = chip.sign(phone.core.approvalToSign(request.id, "34"))
        assertEquals("signature-refused", refusal { phone.core.approveSigned(request.id, number, other) })
    }
    step("an approval's proof is about its number, message and what was shown") {
        val request = phone.core.pending().single()
        val signed = chip.sign(phone.core.approvalToSign(request.id, "43"))
        phone.core.approveSigned(request.id, Evidence.Number("43"), signed)
        val proof = proved(chip.pair.public, phone.sent()["proof"].asText())
        val said = listOf("decision", "number", "messageId").map { proof[it].asText() }
        assertEquals(listOf("approve", "43", "keyed-1"), said)
    }
    step("a denial's proof has the reason") {
        val request = phone.core.receiveMessage("keyed-2", server.message(2))
        val signed = chip.sign(phone.core.denialToSign(request.id, DenyReason.NOT_ME))
        phone.core.denySigned(request.id, DenyReason.NOT_ME, signed)
        val proof = proved(chip.pair.public, phone.sent()["proof"].asText())
        val said = listOf("decision", "reason", "messageId").map { proof[it].asText() }
        assertEquals(listOf("deny", "not-me", "keyed-2"), said)
    }
    step("a key that the library makes on arm64 signs what the JVM accepts") {
        val code = registrationCode("grace", more = "&v=2")
        val software = Registered(phone.core, code, key = KeyChoice.Software)
        val key = publicKey(json.readTree(software.account.key!!.jwk))
        repeat(5) { at ->
            val request = phone.core.receiveMessage("software-$at", software.message(at))
            phone.core.approve(request.id, Evidence.Tap)
            assertEquals("software-$at", proved(key, phone.sent()["proof"].asText())["messageId"].asText())
        }
    }
}
