package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.math.BigInteger
import java.security.KeyFactory
import java.security.MessageDigest
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import java.util.Base64
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Accounts with their own signing key. The hardware key is a P-256 pair of the JVM that signs with `SHA256withECDSA`,
 * which also checks the proofs.
 */
class DeviceKeyTest {
    private val code = registrationCode(more = "&v=2")

    /** An account with a hardware key, and a message that asks for a number. */
    private class Keyed(val core: Authenticator, val chip: Chip, val server: Registered) {
        private var number = 0
        fun ask(vararg claims: Pair<String, Any?> = arrayOf("k" to "challenge", "n" to "34,43,57")): Notification =
            (++number).let { core.receiveMessage("message-$it", server.message(it, *claims)) }
    }

    private fun keyed(presence: UserPresence = UserPresence.DEVICE, work: Keyed.() -> Unit) = openCore().use { core ->
        val chip = Chip()
        Keyed(core, chip, Registered(core, code, key = chip.choice(core, code, presence))).work()
    }

    /** Returns the claims of a proof, after the JVM checked its signature. */
    private fun proved(chip: Chip, proof: String): JsonNode {
        val signature = Base64.getUrlDecoder().decode(proof.substringAfterLast('.'))
        val verifier = Signature.getInstance("SHA256withECDSAinP1363Format").apply { initVerify(chip.pair.public) }
        verifier.update(proof.substringBeforeLast('.').toByteArray())
        assertTrue(verifier.verify(signature))
        return json.readTree(Base64.getUrlDecoder().decode(proof.split('.')[1]))
    }

    private fun sent(core: Authenticator): JsonNode = claims(json.readTree(core.due().single().body)["jwt"].asText())

    @Test
    fun `a preview says whether a key is taken, and what a platform attests`() = openCore().use { core ->
        val preview = core.preview(code)
        assertTrue(preview.takesDeviceKey)
        assertEquals(32, preview.attestationChallenge?.size)
        assertArrayEquals(preview.attestationChallenge, core.preview(code).attestationChallenge)
        val plain = core.preview(registrationCode())
        assertFalse(plain.takesDeviceKey)
        assertNull(plain.attestationChallenge)
    }

    @Test
    fun `a key in hardware registers, and proves an approval and a denial`() = keyed {
        val account = core.accounts().single()
        val expected = AccountKey(chip.key().jwk, KeyLevel.STRONGBOX, UserPresence.DEVICE, isSoftware = false, isInvalidated = false)
        assertEquals(expected, account.key)
        assertTrue(account.needsSignature)
        val first = ask()
        core.approveSigned(first.id, Evidence.Number("43"), chip.sign(core.approvalToSign(first.id, "43")))
        val approval = proved(chip, sent(core)["proof"].asText())
        assertEquals(listOf("approve", "43", "message-1"), listOf("decision", "number", "messageId").map { approval[it].asText() })
        val second = ask()
        core.denySigned(second.id, DenyReason.NOT_ME, chip.sign(core.denialToSign(second.id, DenyReason.NOT_ME)))
        val answer = sent(core)
        assertTrue(answer["deny"].asBoolean())
        val denial = proved(chip, answer["proof"].asText())
        assertEquals(listOf("deny", "not-me", "message-2"), listOf("decision", "reason", "messageId").map { denial[it].asText() })
        assertEquals("approve", core.events(10u).last { it.kind == "decided" }.detail)
    }

    @Test
    fun `a registration says what the key is, and has its certificates`(): Unit = openCore().use { core ->
        val chip = Chip()
        core.enrol(code, enrolment().copy(key = chip.choice(core, code)), null)
        val claims = sent(core)
        assertEquals(listOf("strongbox", "biometric"), listOf("keyLevel", "userPresence").map { claims[it].asText() })
        assertEquals(chip.key().jwk, claims["jwk"].toString())
        assertEquals(listOf("AQID"), claims["attestation"].texts())
        assertEquals("REGISTER:demo", proved(chip, claims["proof"].asText())["messageId"].asText())
    }

    @Test
    fun `another's signature, changed bytes and what was signed for something else are refused`() = keyed {
        val (request, other) = ask() to ask()
        val number = Evidence.Number("43")
        val toSign = core.approvalToSign(request.id, "43")
        val right = chip.sign(toSign)
        val der = (right.signature as KeySignature.Der).bytes
        val wrong = mapOf(
            "another key" to Chip().sign(toSign),
            "another message" to chip.sign(core.approvalToSign(other.id, "43")),
            "another number" to chip.sign(core.approvalToSign(request.id, "34")),
            "a denial" to chip.sign(core.denialToSign(request.id, null)),
            "changed bytes" to Signed(right.bytes.clone().also { it[it.size - 3] = 'A'.code.toByte() }, right.signature),
            "bytes of no proof" to chip.sign(ToSign("anything".toByteArray())),
            "no bytes" to chip.sign(ToSign(ByteArray(0))),
            "a registration" to chip.sign(core.registrationToSign(code, chip.key())),
            "half a signature" to right.copy(signature = KeySignature.Der(der.copyOf(der.size / 2))),
            "no signature" to right.copy(signature = KeySignature.Der(ByteArray(0))),
            "the other form" to right.copy(signature = KeySignature.Fixed(der)),
            "nothing but zeros" to right.copy(signature = KeySignature.Fixed(ByteArray(64))),
        )
        for ((name, signed) in wrong) {
            assertEquals("signature-refused", refusal { core.approveSigned(request.id, number, signed) }, name)
        }
        val denial = chip.sign(core.denialToSign(request.id, DenyReason.OTHER))
        assertEquals("signature-refused", refusal { core.denySigned(request.id, DenyReason.NOT_ME, denial) })
        assertEquals("signature-refused", refusal { core.denySigned(request.id, null, denial) })
        assertEquals(emptyList<HttpRequest>(), core.due(), "nothing of it waits to be sent")
        core.approveSigned(request.id, number, right)
        assertEquals("already-answered", refusal { core.approveSigned(request.id, number, right) })
        assertEquals(1, core.due().size)
    }

    @Test
    fun `what does not fit the request is not given out to be signed`() = keyed {
        val request = ask()
        assertEquals("number-needed", refusal { core.approvalToSign(request.id, null) })
        assertEquals("number-not-offered", refusal { core.approvalToSign(request.id, "99") })
        assertEquals("number-not-asked", refusal { core.approvalToSign(ask("k" to "default").id, "43") })
        assertEquals("notification-not-found", refusal { core.approvalToSign("0".repeat(32), null) })
        core.setConcealed(true)
        assertEquals("device-locked", refusal { core.approvalToSign(request.id, "43") })
        core.denySigned(request.id, null, chip.sign(core.denialToSign(request.id, null)))
    }

    @Test
    fun `an answer without the signature is refused`() = keyed {
        val request = ask()
        assertEquals("signature-needed", refusal { core.approve(request.id, Evidence.Number("43")) })
        assertEquals("signature-needed", refusal { core.deny(request.id) })
        assertEquals("signature-needed", refusal { core.denyFor(request.id, DenyReason.MISTAKE) })
        assertEquals(listOf(request.id), core.pending().map { it.id })
    }

    @Test
    fun `accounts without a key take neither signature nor reason`() = openCore().use { core ->
        val server = Registered(core)
        val request = core.receiveMessage("message", server.message(1))
        assertFalse(core.accounts().single().needsSignature)
        val signed = Chip().sign(ToSign("anything".toByteArray()))
        assertEquals("no-device-key", refusal { core.approveSigned(request.id, Evidence.Tap, signed) })
        assertEquals("no-device-key", refusal { core.denySigned(request.id, null, signed) })
        assertEquals("no-device-key", refusal { core.approvalToSign(request.id, null) })
        assertEquals("no-device-key", refusal { core.denialToSign(request.id, DenyReason.NOT_ME) })
        assertEquals("no-device-key", refusal { core.registrationToSign(registrationCode(), Chip().key()) })
        assertEquals("no-device-key", refusal { core.deviceKeyInvalidated(server.account.id) })
        assertEquals("reason-not-taken", refusal { core.denyFor(request.id, DenyReason.NOT_ME) })
        core.deny(request.id)
    }

    @Test
    fun `where the server takes no key, none is registered`() = openCore().use { core ->
        assertNull(core.enrol(registrationCode(), enrolment().copy(key = KeyChoice.Software), null).key)
        assertNull(sent(core)["jwk"])
    }

    @Test
    fun `a key in software signs by itself, reasons too`() = openCore().use { core ->
        val server = Registered(core, code, key = KeyChoice.Software)
        val key = server.account.key!!
        assertEquals(listOf<Any>(KeyLevel.SOFTWARE, UserPresence.NONE, true, false), listOf(key.level, key.presence, key.isSoftware, key.isInvalidated))
        assertFalse(server.account.needsSignature)
        val (first, second) = listOf(1, 2).map { core.receiveMessage("message-$it", server.message(it)) }
        val signed = Chip().sign(core.approvalToSign(first.id, null))
        assertEquals("no-device-key", refusal { core.approveSigned(first.id, Evidence.Tap, signed) }, "it needs no other's signature")
        core.approve(first.id, Evidence.Tap)
        assertFalse(sent(core)["proof"].isNull)
        core.denyFor(second.id, DenyReason.MISTAKE)
        val proof = sent(core)["proof"].asText()
        assertEquals("mistake", json.readTree(Base64.getUrlDecoder().decode(proof.split('.')[1]))["reason"].asText())
    }

    @Test
    fun `a biometric key's signature is the evidence, another's is not`() {
        for (presence in listOf(UserPresence.BIOMETRIC, UserPresence.DEVICE)) keyed(presence) {
            val request = ask("k" to "biometric")
            val signed = chip.sign(core.approvalToSign(request.id, null))
            if (presence == UserPresence.BIOMETRIC) core.approveSigned(request.id, Evidence.Tap, signed)
            else assertEquals("biometric-needed", refusal { core.approveSigned(request.id, Evidence.Tap, signed) })
        }
    }

    @Test
    fun `a hundred coroutines have a hundred answers signed, each its own`(): Unit = runBlocking(Dispatchers.Default) {
        openPhone().use { phone ->
            val chip = Chip()
            val key = phone.call { chip.choice(this, code) }
            val server = phone.call { Registered(this, code, key = key) }
            val transport = Recorder()
            val courier = Courier(phone, transport)
            val answers = (1..100).map { number ->
                async {
                    val request = phone.call { receiveMessage("message-$number", server.message(number)) }
                    if (number % 2 == 0) courier.approve(request.id, Evidence.Tap, chip.sign(phone.call { approvalToSign(request.id, null) }))
                    else courier.deny(request.id, DenyReason.OTHER, chip.sign(phone.call { denialToSign(request.id, DenyReason.OTHER) }))
                }
            }.awaitAll()
            assertEquals(100, answers.count { it is Answer.Settled })
            val proofs = transport.posts.map { post ->
                val body = json.readTree(post.body)
                val proof = proved(chip, claims(body["jwt"].asText())["proof"].asText())
                assertEquals(body["messageId"], proof["messageId"])
                proof["decision"].asText()
            }
            assertEquals(mapOf("approve" to 50, "deny" to 50), proofs.groupingBy { it }.eachCount())
        }
    }

    @Test
    fun `an invalidated key answers nothing, and the account is added again`() = keyed {
        val request = ask()
        val right = chip.sign(core.approvalToSign(request.id, "43"))
        core.deviceKeyInvalidated(server.account.id)
        core.deviceKeyInvalidated(server.account.id)
        val account = core.accounts().single()
        assertEquals(AccountState.RE_ENROLMENT_NEEDED to true, account.state to account.key?.isInvalidated)
        val code = "device-key-invalidated"
        assertEquals(code, refusal { core.approvalToSign(request.id, "43") })
        assertEquals(code, refusal { core.denialToSign(request.id, null) })
        assertEquals(code, refusal { core.approveSigned(request.id, Evidence.Number("43"), right) })
        assertEquals(code, refusal { core.denySigned(request.id, null, right) })
        assertEquals(code, refusal { core.deny(request.id) })
        assertEquals(1, core.events(10u).count { it.kind == code })
        val fresh = Chip()
        val again = enrolment(replace = true).copy(key = fresh.choice(core, this@DeviceKeyTest.code))
        core.enrol(this@DeviceKeyTest.code, again, null)
        core.delivered(core.due().single().id, HttpResponse(200u, null, "{}".toByteArray()))
        val now = core.accounts().single()
        assertEquals(AccountState.ACTIVE to fresh.key().jwk, now.state to now.key?.jwk)
    }

    @Test
    fun `as many certificates as a registration holds are taken, and of more none`() = openCore().use { core ->
        val chip = Chip()
        for (chain in listOf(List(10) { byteArrayOf(1) }, List(2) { ByteArray(4096) })) {
            val key = chip.key().copy(attestation = attestationOf(chain))
            val signed = chip.sign(core.registrationToSign(code, key))
            val account = core.enrol(code, enrolment().copy(key = KeyChoice.Hardware(key, signed)), null)
            val sent = sent(core)["attestation"].map { Base64.getDecoder().decode(it.asText()).toList() }
            assertEquals(chain.map { it.toList() }, sent)
            core.remove(account.id)
        }
        for (chain in listOf(List(11) { byteArrayOf(1) }, listOf(ByteArray(8192), byteArrayOf(1)))) assertNull(attestationOf(chain))
    }

    @Test
    fun `app attest's hash is of the challenge and the key's thumbprint`() = openCore().use { core ->
        val jwk = Chip().key().jwk
        fun sha256(bytes: ByteArray) = MessageDigest.getInstance("SHA-256").digest(bytes)
        val thumbprint = Base64.getUrlEncoder().withoutPadding().encodeToString(sha256(jwk.toByteArray()))
        val expected = sha256(core.preview(code).attestationChallenge!! + thumbprint.toByteArray())
        assertArrayEquals(expected, core.appAttestClientDataHash(code, jwk))
        assertEquals("no-device-key", refusal { core.appAttestClientDataHash(registrationCode(), jwk) })
        assertEquals("device-key-refused", refusal { core.appAttestClientDataHash(code, "{}") })
    }

    @Test
    fun `a registration is refused with another's proof, an odd key, or too many certificates`() = openCore().use { core ->
        val chip = Chip()
        val toSign = core.registrationToSign(code, chip.key())
        fun enrol(key: DeviceKey, signed: Signed) = refusal { core.enrol(code, enrolment().copy(key = KeyChoice.Hardware(key, signed)), Finger) }
        assertEquals("signature-refused", enrol(chip.key(), Chip().sign(toSign)))
        assertEquals("signature-refused", enrol(Chip().key(), chip.sign(toSign)))
        val elsewhere = registrationCode(origin = "https://elsewhere.example.com", more = "&v=2")
        assertEquals("signature-refused", enrol(chip.key(), chip.sign(core.registrationToSign(elsewhere, chip.key()))))
        for (chain in listOf(List(11) { ByteArray(1) }, List(2) { ByteArray(4097) })) {
            assertEquals("bad-device", enrol(chip.key().copy(attestation = chain), chip.sign(toSign)))
        }
        for (jwk in listOf("", "{}", """{"kty":"RSA"}""", chip.key().jwk.replace("P-256", "P-384"), chip.key().jwk.dropLast(1) + ""","d":"AAAA"}""")) {
            assertEquals("device-key-refused", refusal { core.registrationToSign(code, chip.key().copy(jwk = jwk)) }, jwk)
        }
        assertEquals(emptyList<Account>(), core.accounts())
    }

    @Test
    fun `a JWK has both coordinates in full, and other curves are refused`() = openCore().use { core ->
        val parameters = (Chip().pair.public as ECPublicKey).params
        val small = ECPublicKeySpec(ECPoint(BigInteger.ONE, BigInteger.valueOf(0xff)), parameters)
        val jwk = json.readTree((KeyFactory.getInstance("EC").generatePublic(small) as ECPublicKey).jwk)
        for ((name, last) in listOf("x" to 1, "y" to 0xff)) {
            val bytes = Base64.getUrlDecoder().decode(jwk[name].asText())
            assertEquals(32 to last.toByte(), bytes.size to bytes.last())
        }
        val other = java.security.KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp384r1")) }.generateKeyPair()
        val key = DeviceKey((other.public as ECPublicKey).jwk, KeyLevel.TEE, UserPresence.NONE)
        assertEquals("device-key-refused", refusal { core.registrationToSign(code, key) })
        assertEquals(emptyList<Account>(), core.accounts())
    }
}
