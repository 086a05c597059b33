package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Complete sign-ons: this phone, the real server as a process, HTTP between them. */
class StoryTest {
    private class Story(val server: Server, val phone: PushAuthenticator, val courier: Courier) {
        /** Scans the QR code on the page, adds the account, and returns the step that waits for the first push. */
        suspend fun enrol(slotWrapper: SlotWrapper? = null): JsonNode {
            val (step, code) = server.offer()
            val preview = phone.call { preview(code) }
            assertEquals(listOf("Ping", "alice", server.address), listOf(preview.issuer, preview.account, preview.host))
            assertEquals(listOf(CredentialKind.PUSH), preview.kinds)
            assertEquals(emptyList<Account>(), phone.accounts.first(), "a preview stores nothing")
            val ready = assertInstanceOf(Enrolled.Ready::class.java, courier.enrol(code, enrolment(), slotWrapper))
            assertEquals(AccountState.ACTIVE, ready.account.state)
            return server.registered(step)
        }

        /** Returns the only pending sign-on request, fetched from the server. */
        suspend fun pending(): Notification {
            val pulled = assertInstanceOf(PullResult.Answered::class.java, courier.pull(10.seconds).single()).pulled
            val listed = assertInstanceOf(Pulled.Messages::class.java, pulled).notifications.single()
            assertEquals(listed, phone.notifications.first { it.isNotEmpty() }.single())
            return listed
        }

        suspend fun approveFirst() {
            val waiting = enrol()
            assertEquals(APPROVED, courier.approve(pending().id, Evidence.Number(Server.hiddenValue(waiting)!!)))
            server.next(waiting)
        }
    }

    private fun story(pushType: String = "CHALLENGE", log: LogSink? = null, tell: suspend Story.() -> Unit) = runBlocking {
        Server(pushType).use { server ->
            openPhone(log = log).use { phone -> Story(server, phone, Courier(phone)).tell() }
        }
    }

    @Test
    fun `a number is tapped, and the browser is signed on`() {
        val lines = CopyOnWriteArrayList<String>()
        story(log = sink { _, line -> lines += line }) {
            val waiting = enrol()
            val number = Server.hiddenValue(waiting)!!
            val request = pending()
            val numbers = assertInstanceOf(Ask.Number::class.java, request.ask).numbers
            assertTrue(numbers.size == 3 && number in numbers)
            assertEquals("Login attempt from alice at Ping", request.message)
            assertEquals("127.0.0.1", request.context?.remoteIp)
            val other = (10..99).map { "$it" }.first { it !in numbers }
            assertEquals("number-not-offered", rejection(courier.approve(request.id, Evidence.Number(other))))
            assertEquals("number-needed", rejection(courier.approve(request.id, Evidence.Tap)))

            assertEquals(APPROVED, courier.approve(request.id, Evidence.Number(number)))
            assertEquals("already-answered", rejection(courier.approve(request.id, Evidence.Number(number))))
            assertNotNull(server.next(waiting)["tokenId"])
            assertEquals(emptyList<Notification>(), phone.notifications.first())
            assertEquals(listOf(request.id), phone.call { history(10u, 0u) }.map { it.id })
            assertEquals(1uL, phone.call { cleanHistory(Retention(0u, null)) })
            assertEquals(emptyList<Notification>(), phone.call { history(10u, 0u) })

            val account = request.accountId
            val told = listOf(
                "enrolled account=$account", "registration-confirmed account=$account",
                "message-received account=$account request=${request.id}",
                "decided account=$account request=${request.id} detail=approve",
                "settled account=$account request=${request.id} detail=approved",
            )
            // Rejections by the core in between may add lines.
            assertEquals(told, lines.filterNot { it.startsWith("decision-refused ") })
        }
    }

    @Test
    fun `a biometric unwraps the slot`() = story("BIOMETRIC") {
        val waiting = enrol(Finger)
        val request = pending()
        assertInstanceOf(Ask.Biometric::class.java, request.ask)
        assertEquals("biometric-needed", rejection(courier.approve(request.id, Evidence.Tap)))
        val wrapped = phone.call { biometricChallenge(request.id) }
        assertEquals("biometric-refused", rejection(courier.approve(request.id, Evidence.Biometric(wrapped))))
        assertEquals(APPROVED, courier.approve(request.id, Evidence.Biometric(Finger.touch(wrapped))))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `an invalidated biometric leaves denying, and adding the account again`() = story("BIOMETRIC") {
        var waiting = enrol(Finger)
        val first = pending()
        val slot = Finger.touch(phone.call { biometricChallenge(first.id) })
        courier.approve(first.id, Evidence.Biometric(slot))
        server.next(waiting)

        waiting = server.signOn()
        phone.call { biometricInvalidated(first.accountId) }
        val second = pending()
        assertEquals("biometric-invalidated", rejection(courier.approve(second.id, Evidence.Biometric(slot))))
        assertEquals(Answer.Settled(NotificationState.DENIED), courier.deny(second.id))
        assertEquals(401, server.post(waiting).first)
    }

    @Test
    fun `a tap, and a denial`() = story("DEFAULT") {
        val first = enrol()
        assertEquals(APPROVED, courier.approve(pending().id, Evidence.Tap))
        assertNotNull(server.next(first)["tokenId"])

        val second = server.signOn()
        assertEquals(Answer.Settled(NotificationState.DENIED), courier.deny(pending().id))
        val (status, body) = server.post(second)
        assertEquals(401 to "The sign-on was refused on the phone.", status to body["message"].asText())
    }

    @Test
    fun `a wrong number ends the sign-on`() = story {
        approveFirst()
        val waiting = server.signOn()
        val request = pending()
        val wrong = (request.ask as Ask.Number).numbers.first { it != Server.hiddenValue(waiting) }
        assertEquals(Answer.Refused(400u, "The number does not match."), courier.approve(request.id, Evidence.Number(wrong)))
        assertEquals(401, server.post(waiting).first)
    }

    @Test
    fun `a changed push token is told to the server`() = story {
        approveFirst()
        phone.call { setPushToken("another-token-0123456789", CommunicationType.EMBEDDED) }
        assertEquals(PushTokenState.CHANGING, phone.call { pushTokens() }.single().state)
        val report = courier.deliver().single()
        assertEquals(RequestKind.TOKEN_REFRESH, report.kind)
        assertInstanceOf(Outcome.TokenChanged::class.java, (report.delivery as Delivery.Done).outcome)
        assertEquals(PushTokenState.CURRENT, phone.call { pushTokens() }.single().state)

        val waiting = server.signOn()
        assertEquals(APPROVED, courier.approve(pending().id, Evidence.Number(Server.hiddenValue(waiting)!!)))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `what cannot be sent is sent when the server is back`() = story {
        val waiting = enrol()
        val request = pending()
        server.stop()
        assertEquals(Answer.Queued, courier.approve(request.id, Evidence.Number(Server.hiddenValue(waiting)!!)))
        assertEquals(1u, phone.call { outbox() }.single().attempts)
        assertInstanceOf(PullResult.Unreachable::class.java, courier.pull().single())
        server.start()
        phone.call { retryNow() }
        assertInstanceOf(Delivery.Done::class.java, courier.deliver().single().delivery)
        assertNotNull(server.next(waiting)["tokenId"], "a sign-on outlives a restart of the server")
    }

    @Test
    fun `a push in the form of a platform is taken in, and a refused one says why`() = story {
        val waiting = enrol()
        // What a push service would deliver, fetched here behind the phone's back.
        val pull = phone.call { pull(10u) }.single()
        val listed = UrlConnectionTransport().post(HttpPost(pull.url, pull.headers, pull.body, 10.seconds))
        val message = json.readTree(listed.body)["messages"].single()
        val id = message["messageId"].asText()
        val jwt = message["message"].asText()
        // The first character of the signature, because not all bits of the last one count.
        val at = jwt.lastIndexOf('.') + 1
        val changed = jwt.replaceRange(at, at + 1, if (jwt[at] == 'A') "B" else "A")
        val forged = phone.runCatching { call { receiveMessage(id, changed) } }.exceptionOrNull()
        assertEquals("wrong-signature", (forged as AuthenticatorException).code)

        val apns = json.writeValueAsBytes(mapOf("aps" to mapOf("messageId" to id, "data" to jwt, "alert" to "Sign-on")))
        val fcm = json.writeValueAsBytes(mapOf("data" to mapOf("messageId" to id, "message" to jwt)))
        val request = assertInstanceOf(Received.Message::class.java, phone.call { receive(apns) }).notification
        assertEquals(Arrival.Request(request), courier.receive(fcm), "delivered twice, there once")
        phone.call { setConcealed(true) }
        val concealed = phone.call { notification(request.id) }
        assertEquals(listOf(null, null, true), listOf(concealed.message, concealed.context, concealed.concealed))
        val number = Evidence.Number(Server.hiddenValue(waiting)!!)
        assertEquals("device-locked", rejection(courier.approve(request.id, number)))
        phone.call { setConcealed(false) }
        assertEquals(APPROVED, courier.approve(request.id, number))
        assertNotNull(server.next(waiting)["tokenId"])
    }

    @Test
    fun `an account is replaced, renamed and removed`() = story {
        approveFirst()
        val account = phone.accounts.first().single()
        val code = registrationCode("alice", "http://${server.address}")
        assertEquals(account.id, phone.call { preview(code) }.conflict?.accountId)
        val exists = assertInstanceOf(Enrolled.Rejected::class.java, courier.enrol(code, enrolment()))
        assertEquals("account-exists", exists.reason.code)
        phone.call { rename(account.id, null, "Work") }
        assertEquals("Work", phone.accounts.first().single().displayName)
        assertTrue(phone.call { removal(account.id) }.consequences.isNotEmpty())
        phone.call { remove(account.id) }
        assertEquals(emptyList<Account>(), phone.accounts.first())
        assertEquals("removed", phone.call { events(1u) }.single().kind)
    }

    @Test
    fun `codes are shown beside sign-ons, by time and by counter`() = story {
        approveFirst()
        val timed = "otpauth://totp/Ping:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ping"
        val ready = assertInstanceOf(Enrolled.Ready::class.java, courier.enrol(timed, enrolment()))
        fun period() = System.currentTimeMillis() / 1000 / 30
        val before = period()
        val code = phone.call { code(ready.account.id) }
        val secret = "12345678901234567890".toByteArray()
        assertTrue(code.code in (before..period()).map { oneTimeCode(secret, "SHA1", 6, it) })
        assertEquals(30u, (code.validity as CodeValidity.Timed).periodSeconds)

        val counted = ManualEntry("Ping", "bob", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Counter(0u)))
        val bob = phone.call { enrolEntry(counted, enrolment()) }
        // RFC 4226, appendix D.
        assertEquals(listOf("755224", "287082"), List(2) { phone.call { code(bob.id) }.code })
        assertEquals(3, phone.accounts.first().size)
    }

    private companion object {
        val APPROVED = Answer.Settled(NotificationState.APPROVED)
        fun rejection(answer: Answer): String = assertInstanceOf(Answer.Rejected::class.java, answer).reason.code
    }
}
