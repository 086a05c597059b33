package org.pushauthenticator

import java.net.ConnectException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Pushes that only say that a message is waiting: the courier fetches it. */
class HintTest {
    private fun test(work: suspend (PushAuthenticator, Registered) -> Unit) = runBlocking {
        openPhone().use { phone -> work(phone, phone.call { Registered(this) }) }
    }

    private fun hint(uid: String, id: String = "message-1"): ByteArray =
        json.writeValueAsBytes(mapOf("data" to mapOf("messageId" to id, "mechanismUid" to uid)))

    /** A server that lists these messages. */
    private fun listing(vararg messages: Pair<String, String>) = Recorder {
        val listed = messages.map { (id, jwt) -> mapOf("messageId" to id, "message" to jwt) }
        HttpResponse(200u, null, json.writeValueAsBytes(mapOf("messages" to listed)))
    }

    @Test
    fun `a hint has the account's server asked, once, and the request is there`() = test { phone, server ->
        phone.call { Registered(this, registrationCode("other")) }
        val transport = listing("message-1" to server.message(1))
        val courier = Courier(phone, transport)
        val arrival = assertInstanceOf(Arrival.Request::class.java, courier.receive(hint(server.mechanismUid)))
        assertEquals(server.account.id to "Login attempt from demo at Ping", arrival.notification.accountId to arrival.notification.message)
        val post = transport.posts.single()
        assertEquals("https://am.example.com/am/push?_action=pending", post.url)
        assertEquals(server.mechanismUid, json.readTree(post.body)["mechanismUid"].asText())
        assertEquals(arrival, courier.receive(hint(server.mechanismUid)), "again: it is here")
        assertEquals(1, transport.posts.size)
        assertEquals(listOf(arrival.notification), phone.call { pending() })
    }

    @Test
    fun `a hint of a message that is gone, or of a server that does not answer, brings nothing`() = test { phone, server ->
        val gone = assertInstanceOf(Arrival.Missing::class.java, Courier(phone, listing()).receive(hint(server.mechanismUid)))
        assertEquals(Pulled.Messages(emptyList(), emptyList(), emptyList()), (gone.result as PullResult.Answered).pulled)
        val silent = Recorder { throw NotSentException(ConnectException("no")) }
        val missing = assertInstanceOf(Arrival.Missing::class.java, Courier(phone, silent).receive(hint(server.mechanismUid)))
        assertInstanceOf(PullResult.Unreachable::class.java, missing.result)
        assertEquals(emptyList<Notification>(), phone.call { pending() })
    }

    @Test
    fun `hints of nobody and of no form are refused, and nobody is asked`() = test { phone, server ->
        val transport = listing()
        val courier = Courier(phone, transport)
        for ((payload, code) in listOf(
            hint("another") to "unknown-credential",
            hint("with space") to "hint-malformed",
            hint(server.mechanismUid, "") to "hint-malformed",
            """{"mechanismUid":"uid"}""".toByteArray() to "message-id-missing",
        )) {
            val refused = assertThrows(AuthenticatorException::class.java) { runBlocking { courier.receive(payload) } }
            assertEquals(code, refused.code)
        }
        assertTrue(transport.posts.isEmpty())
    }
}
