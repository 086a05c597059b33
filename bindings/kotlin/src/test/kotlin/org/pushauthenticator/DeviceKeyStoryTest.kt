package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/**
 * Complete sign-ons with an account's own key, against the real server, whose journey accepts no phone without one. The
 * hardware key is a P-256 pair of the JVM; the core never sees its private half.
 */
class DeviceKeyStoryTest {
    private class Story(val server: Server, val phone: PushAuthenticator) {
        private val chips = mutableMapOf<String, Chip>()
        val courier = Courier(phone, signer = { id, toSign ->
            phone.call { accounts() }.find { it.id == id }?.key?.jwk?.let(chips::get)?.sign(toSign)
        })

        suspend fun add(code: String, chip: Chip, presence: UserPresence = UserPresence.NONE, replace: Boolean = false): Enrolled {
            val key = phone.call { chip.choice(this, code, presence) }
            chips[chip.key().jwk] = chip
            return courier.enrol(code, enrolment(replace).copy(key = key))
        }

        /**
         * Adds the account with [chip], or with a key in software, and returns the step that waits for the first push.
         */
        suspend fun enrol(chip: Chip?, presence: UserPresence = UserPresence.NONE): JsonNode {
            val (step, code) = server.offer()
            assertTrue(phone.call { preview(code) }.takesDeviceKey)
            val added = if (chip != null) add(code, chip, presence) else courier.enrol(code, enrolment().copy(key = KeyChoice.Software))
            assertInstanceOf(Enrolled.Ready::class.java, added, "$added")
            return server.registered(step)
        }

        suspend fun pending(): Notification {
            val pulled = assertInstanceOf(PullResult.Answered::class.java, courier.pull(10.seconds).single()).pulled
            return assertInstanceOf(Pulled.Messages::class.java, pulled).notifications.single()
        }

        suspend fun approve(request: Notification, evidence: Evidence, chip: Chip): Answer {
            val toSign = phone.call { approvalToSign(request.id, (evidence as? Evidence.Number)?.number) }
            return courier.approve(request.id, evidence, chip.sign(toSign))
        }

        suspend fun deny(request: Notification, reason: DenyReason?, chip: Chip): Answer =
            courier.deny(request.id, reason, chip.sign(phone.call { denialToSign(request.id, reason) }))

        fun user(): JsonNode = server.run("user", "list", "--config", server.configuration).single()
        fun audit(): List<String> = server.run("audit", "list", "--config", server.configuration).map { it["event"].asText() }
    }

    private fun story(pushType: String, tell: suspend Story.() -> Unit) = runBlocking {
        Server(pushType, deviceKey = "required").use { server ->
            openPhone().use { phone -> Story(server, phone).tell() }
        }
    }

    @Test
    fun `a number is approved with the key's signature, and not without`() = story("CHALLENGE") {
        val chip = Chip()
        val waiting = enrol(chip)
        val unsigned = assertInstanceOf(PullResult.Rejected::class.java, Courier(phone).pull().single())
        assertEquals("signature-needed", unsigned.reason.code)
        val request = pending()
        val number = Evidence.Number(Server.hiddenValue(waiting)!!)
        assertEquals("signature-needed", rejection(courier.approve(request.id, number)))
        assertEquals("signature-refused", rejection(approve(request, number, Chip())))
        assertEquals(Answer.Settled(NotificationState.APPROVED), approve(request, number, chip))
        assertNotNull(server.next(waiting)["tokenId"])
        val device = server.run("device", "list", "--config", server.configuration).single()
        assertTrue("strongbox" in "$device", "$device")
    }

    @Test
    fun `a key that takes a biometric approves what asks for one, without a slot`() = story("BIOMETRIC") {
        val chip = Chip()
        val waiting = enrol(chip, UserPresence.BIOMETRIC)
        val request = pending()
        assertFalse(phone.accounts.first().single().hasBiometricSlot)
        assertEquals("biometric-needed", rejection(courier.approve(request.id, Evidence.Tap)))
        assertEquals(Answer.Settled(NotificationState.APPROVED), approve(request, Evidence.Tap, chip))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `it was not me stops messages until an administrator lifts it`() = story("DEFAULT") {
        val chip = Chip()
        var waiting = enrol(chip)
        assertEquals(Answer.Settled(NotificationState.APPROVED), approve(pending(), Evidence.Tap, chip))
        server.next(waiting)

        waiting = server.signOn()
        assertEquals(Answer.Settled(NotificationState.DENIED), deny(pending(), DenyReason.NOT_ME, chip))
        assertEquals(401, server.post(waiting).first)
        assertTrue(user()["frozen"].asBoolean())
        assertTrue("pushes-frozen" in audit())
        val withheld = "${server.signOn()}"
        assertTrue("denied on your phone as not yours" in withheld, withheld)
        assertEquals(emptyList<Notification>(), phone.call { pending() })

        server.run("user", "unfreeze", "alice", "--config", server.configuration)
        waiting = server.signOn()
        assertEquals(Answer.Settled(NotificationState.APPROVED), approve(pending(), Evidence.Tap, chip))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `other reasons are told, and stop nothing`() = story("DEFAULT") {
        val chip = Chip()
        server.next(enrol(chip).also { approve(pending(), Evidence.Tap, chip) })
        for (reason in listOf(DenyReason.MISTAKE, null)) {
            val waiting = server.signOn()
            assertEquals(Answer.Settled(NotificationState.DENIED), deny(pending(), reason, chip))
            assertEquals(401, server.post(waiting).first)
        }
        assertFalse(user()["frozen"].asBoolean())
        assertEquals(listOf("deny", "deny mistake"), phone.call { events(20u) }.filter { it.kind == "decided" }.map { it.detail }.take(2))
    }

    @Test
    fun `after the key was invalidated nothing is answered until the account was added again`() = story("DEFAULT") {
        val chip = Chip()
        val (offered, first) = server.offer()
        assertInstanceOf(Enrolled.Ready::class.java, add(first, chip))
        val shown = server.next(offered)
        val recovery = Server.recoveryCodes(shown)
        server.next(server.next(shown).also { approve(pending(), Evidence.Tap, chip) })
        server.signOn()
        val request = pending()
        val signed = chip.sign(phone.call { approvalToSign(request.id, null) })
        phone.call { deviceKeyInvalidated(request.accountId) }
        assertEquals("device-key-invalidated", rejection(courier.approve(request.id, Evidence.Tap, signed)))
        assertEquals("device-key-invalidated", rejection(courier.deny(request.id)))
        assertEquals(AccountState.RE_ENROLMENT_NEEDED, phone.accounts.first().single().state)

        // Signed in with another factor, the user removes the phone; the next sign-on registers it again, with a new
        // key.
        val session = server.signOnWithRecoveryCode(recovery.first())
        val device = server.ownPhones("GET", "?_queryFilter=true", session)["result"].single()["_id"].asText()
        server.ownPhones("DELETE", "/$device", session)
        val (step, code) = server.offer()
        val fresh = Chip()
        assertEquals("account-exists", assertInstanceOf(Enrolled.Rejected::class.java, add(code, fresh)).reason.code)
        assertInstanceOf(Enrolled.Ready::class.java, add(code, fresh, replace = true))
        val account = phone.accounts.first().single()
        assertEquals(AccountState.ACTIVE to fresh.key().jwk, account.state to account.key?.jwk)
        val waiting = server.registered(step)
        assertEquals(Answer.Settled(NotificationState.APPROVED), approve(pending(), Evidence.Tap, fresh))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `a phone without a key is not taken`() = story("DEFAULT") {
        val (_, code) = server.offer()
        val refused = assertInstanceOf(Enrolled.Refused::class.java, courier.enrol(code, enrolment()))
        assertEquals(400.toUShort(), refused.status)
        assertEquals(emptyList<Account>(), phone.accounts.first())
    }

    @Test
    fun `a key in software signs unasked, denials for a reason too`() = story("CHALLENGE") {
        var waiting = enrol(null)
        assertEquals(KeyLevel.SOFTWARE, phone.accounts.first().single().key?.level)
        val number = Evidence.Number(Server.hiddenValue(waiting)!!)
        assertEquals(Answer.Settled(NotificationState.APPROVED), courier.approve(pending().id, number))
        assertNotNull(server.next(waiting)["tokenId"])
        waiting = server.signOn()
        assertEquals(Answer.Settled(NotificationState.DENIED), courier.deny(pending().id, DenyReason.NOT_ME))
        assertEquals(401, server.post(waiting).first)
        assertTrue(user()["frozen"].asBoolean())
    }

    private companion object {
        fun rejection(answer: Answer): String = assertInstanceOf(Answer.Rejected::class.java, answer).reason.code
    }
}
