package org.pushauthenticator

import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Test

/** Following one sign-on request to its end; and servers that do not list messages. */
class FollowTest {
    @Test
    fun `a request is followed from its answer to what the server said, and to the end of its time`() = runBlocking {
        openPhone().use { phone ->
            val server = phone.call { Registered(this, registrationCode()) }
            val request = phone.call { receiveMessage("message", server.message(1)) }
            val late = phone.call { receiveMessage("late", server.message(2, "t" to "5")) }
            coroutineScope {
                suspend fun seen(id: String, state: NotificationState) = withTimeout(30.seconds) { phone.notification(id).first { it.state == state } }
                assertEquals(request, phone.notification(request.id).first())
                val answering = async { seen(request.id, NotificationState.ANSWERING) }
                val approved = async { seen(request.id, NotificationState.APPROVED) }
                phone.call { approve(request.id, Evidence.Tap) }
                answering.await()
                Courier(phone, { HttpResponse(200u, null, "{}".toByteArray()) }).deliver()
                approved.await()
                seen(late.id, NotificationState.EXPIRED)
            }
            val none = phone.runCatching { notification("none").first() }.exceptionOrNull()
            assertInstanceOf(AuthenticatorException::class.java, none)
        }
        Unit
    }

    @Test
    fun `a server that lists nothing is asked once by a courier, and told of every time`() = runBlocking {
        openPhone().use { phone ->
            val account = phone.call { Registered(this, registrationCode()) }.account.id
            val asked = AtomicInteger()
            val transport = HttpTransport { asked.incrementAndGet(); HttpResponse(404u, null, ByteArray(0)) }
            val courier = Courier(phone, transport)
            repeat(3) { assertEquals(listOf(PullResult.Answered(account, Pulled.NotOffered)), courier.pull()) }
            assertEquals(1, asked.get())
            Courier(phone, transport).pull()
            assertEquals(2, asked.get())
        }
    }
}
