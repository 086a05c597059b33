package org.pushauthenticator

import java.io.IOException
import java.lang.reflect.InvocationTargetException
import java.net.ServerSocket
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The layer for coroutines: concurrency, cancellation, flows, and how a courier handles a bad network. */
class CourierTest {
    private fun test(work: suspend (PushAuthenticator) -> Unit) =
        runBlocking(Dispatchers.Default) { openPhone().use { phone -> withTimeout(60.seconds) { work(phone) } } }

    private suspend fun PushAuthenticator.registered(code: String = registrationCode()) = call { Registered(this, code) }

    @Test
    fun `a hundred coroutines answer a hundred requests`() = test { phone ->
        val server = phone.registered()
        val transport = Recorder()
        val courier = Courier(phone, transport)
        val settled = coroutineScope {
            (1..100).map { number ->
                async {
                    val request = phone.call { receiveMessage("message-$number", server.message(number)) }
                    courier.approve(request.id, Evidence.Tap)
                }
            }.awaitAll()
        }
        assertEquals(List(100) { Answer.Settled(NotificationState.APPROVED) }, settled)
        val sent = transport.posts.map { json.readTree(it.body)["messageId"].asText() }
        assertEquals((1..100).map { "message-$it" }.toSet(), sent.toSet())
        assertEquals(100, sent.size, "nothing was sent twice")
        assertEquals(100, phone.call { history(200u, 0u) }.size)
    }

    @Test
    fun `of a hundred answers to one request one counts`() = test { phone ->
        val server = phone.registered()
        val transport = Recorder()
        val courier = Courier(phone, transport)
        val request = phone.call { receiveMessage("message", server.message(1)) }
        val answers = coroutineScope {
            (1..100).map { async { if (it % 2 == 0) courier.approve(request.id, Evidence.Tap) else courier.deny(request.id) } }.awaitAll()
        }
        assertEquals(1, answers.count { it is Answer.Settled })
        assertEquals(99, answers.count { (it as? Answer.Rejected)?.reason?.code == "already-answered" })
        assertEquals(1, transport.posts.size)
    }

    @Test
    fun `cancelled while the server is silent, the answer stays and is sent later`() = test { phone ->
        ServerSocket(0).use { silent ->
            val origin = "http://127.0.0.1:${silent.localPort}"
            val server = phone.registered(registrationCode(origin = origin))
            val request = phone.call { receiveMessage("message", server.message(1)) }
            val sending = CoroutineScope(Dispatchers.Default).launch {
                Courier(phone).approve(request.id, Evidence.Tap)
            }
            silent.accept().use { connection ->
                assertTrue(connection.getInputStream().read() >= 0, "the request is on its way")
                val took = measureTime { sending.cancelAndJoin() }
                assertTrue(took < 10.seconds, "$took")
            }
            val waiting = phone.call { outbox() }.single()
            assertEquals(request.id to 1u, waiting.notificationId to waiting.attempts)
            assertEquals(NotificationState.ANSWERING, phone.call { notification(request.id) }.state)
            phone.call { retryNow() }
            // The first attempt may have arrived, so a rejection now proves nothing.
            val again = Courier(phone, Recorder { HttpResponse(400u, null, "{}".toByteArray()) }).deliver().single()
            val outcome = Outcome.Answered(request.id, NotificationState.OUTCOME_UNKNOWN)
            assertEquals(Delivery.Refused(400u, null, outcome), again.delivery)
        }
    }

    @Test
    fun `cancelled before anything was sent, the request is free for the next courier`() = test { phone ->
        val server = phone.registered()
        phone.call { deny(receiveMessage("message", server.message(1)).id) }
        val sent = CompletableDeferred<Unit>()
        val stuck = CoroutineScope(Dispatchers.Default).launch {
            Courier(phone, Recorder { sent.complete(Unit); awaitCancellation() }).deliver()
        }
        sent.await()
        stuck.cancelAndJoin()
        phone.call { retryNow() }
        val transport = Recorder()
        assertEquals(1, Courier(phone, transport).deliver().size)
        assertEquals(1, transport.posts.size)
    }

    @Test
    fun `a call that has begun is made to its end`() = test { phone ->
        val account = phone.registered().account
        val (inside, goOn) = CountDownLatch(1) to CountDownLatch(1)
        val renaming = CoroutineScope(Dispatchers.Default).launch {
            phone.call {
                inside.countDown()
                goOn.await()
                rename(account.id, null, "Work")
            }
        }
        assertTrue(inside.await(10, TimeUnit.SECONDS))
        renaming.cancel()
        goOn.countDown()
        renaming.join()
        assertTrue(renaming.isCancelled)
        assertEquals("Work", phone.call { accounts() }.single().displayName)
    }

    @Test
    fun `flows show changes, and end when the phone is closed`() = runBlocking(Dispatchers.Default) {
        val phone = openPhone()
        val (sawFirst, sawLast) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val seen = CoroutineScope(Dispatchers.Default).async {
            phone.accounts.onEach { accounts ->
                if (accounts.isEmpty()) sawFirst.complete(Unit)
                if (accounts.singleOrNull()?.displayName == "Work") sawLast.complete(Unit)
            }.toList()
        }
        withTimeout(10.seconds) { sawFirst.await() }
        val server = phone.registered()
        phone.accounts.first { it.size == 1 }
        phone.call { rename(server.account.id, null, "Work") }
        withTimeout(10.seconds) { phone.accounts.first { it.single().displayName == "Work" } }
        val request = phone.call { receiveMessage("message", server.message(1)) }
        assertEquals(listOf(request), phone.notifications.first())
        phone.call { deny(request.id) }
        withTimeout(10.seconds) { phone.notifications.first { it.isEmpty() } }
        withTimeout(10.seconds) { sawLast.await() }
        phone.close()
        phone.close()
        val names = withTimeout(10.seconds) { seen.await() }.map { accounts -> accounts.map { it.displayName } }
        assertEquals(emptyList<String>(), names.first())
        assertEquals(listOf("Work"), names.last())
        assertThrows(IllegalStateException::class.java) { runBlocking { phone.call { accounts() } } }
        Unit
    }

    @Test
    fun `a request leaves the flow when its time is over`() = test { phone ->
        val server = phone.registered()
        phone.call { receiveMessage("message", server.message(1, "t" to "5")) }
        assertEquals(1, phone.notifications.first().size)
        withTimeout(30.seconds) { phone.notifications.first { it.isEmpty() } }
    }

    @Test
    fun `a server that does not answer holds up nobody else`() = test { phone ->
        val server = phone.registered()
        val (asked, answered) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val courier = Courier(phone, Recorder { post ->
            if ("register" in post.url) {
                asked.complete(Unit)
                answered.await()
            }
            Recorder.ok
        })
        coroutineScope {
            val enrolling = async { courier.enrol(registrationCode("ada"), enrolment()) }
            asked.await()
            val request = phone.call { receiveMessage("message", server.message(1)) }
            assertEquals(Answer.Settled(NotificationState.APPROVED), courier.approve(request.id, Evidence.Tap))
            assertEquals(emptyList<Report>(), courier.deliver(), "what is on its way is not sent again")
            answered.complete(Unit)
            assertInstanceOf(Enrolled.Ready::class.java, enrolling.await())
        }
    }

    @Test
    fun `whoever asks what is left waits for what another round is sending`() = test { phone ->
        val server = phone.registered()
        phone.call { deny(receiveMessage("message", server.message(1)).id) }
        val (begun, answered) = CompletableDeferred<Unit>() to CompletableDeferred<HttpResponse>()
        val courier = Courier(phone, Recorder { begun.complete(Unit); answered.await() })
        coroutineScope {
            launch { courier.deliver() }
            begun.await()
            assertEquals(emptyList<Report>(), courier.deliver(), "it is sent already")
            val idle = async { courier.awaitIdle() }
            delay(100)
            assertTrue(idle.isActive)
            answered.complete(HttpResponse(200u, null, "{}".toByteArray()))
            idle.await()
            assertEquals(0, phone.call { outbox() }.size)
        }
    }

    @Test
    fun `a running courier sends what becomes due`() = test { phone ->
        val server = phone.registered()
        val attempts = AtomicInteger()
        val courier = Courier(phone, Recorder { if (attempts.incrementAndGet() == 1) throw IOException("lost") else Recorder.ok })
        val running = CoroutineScope(Dispatchers.Default).launch { courier.run() }
        val request = phone.call { receiveMessage("message", server.message(1)) }
        phone.call { approve(request.id, Evidence.Tap) }
        withTimeout(30.seconds) {
            while (phone.call { notification(request.id) }.state != NotificationState.APPROVED) delay(50)
        }
        assertEquals(2, attempts.get())
        running.cancelAndJoin()
    }

    @Test
    fun `what the network did decides what a retry means`() = test { phone ->
        val server = phone.registered()
        val failures = listOf(
            NotSentException(IOException("no network")) to NotificationState.FAILED,
            IOException("reset") to NotificationState.OUTCOME_UNKNOWN,
        )
        for ((number, case) in failures.withIndex()) {
            val (failure, state) = case
            val request = phone.call { receiveMessage("message-$number", server.message(number)) }
            assertEquals(Answer.Queued, Courier(phone, Recorder { throw failure }).approve(request.id, Evidence.Tap))
            phone.call { retryNow() }
            Courier(phone, Recorder { HttpResponse(400u, null, """{"message":"no"}""".toByteArray()) }).deliver()
            assertEquals(state, phone.call { notification(request.id) }.state)
        }
    }

    @Test
    fun `a broken transport is no secret, and loses nothing`() = test { phone ->
        val server = phone.registered()
        val request = phone.call { receiveMessage("message", server.message(1)) }
        val broken = Courier(phone, Recorder { throw IllegalArgumentException("a bug") })
        val thrown = runCatching { broken.approve(request.id, Evidence.Tap) }.exceptionOrNull()
        assertInstanceOf(IllegalArgumentException::class.java, thrown)
        phone.call { retryNow() }
        assertEquals(1, Courier(phone, Recorder()).deliver().size)
        assertEquals(NotificationState.APPROVED, phone.call { notification(request.id) }.state)
    }

    @Test
    fun `a refused registration is told, and a server without pull is no error`() = test { phone ->
        val refusing = Courier(phone, Recorder { HttpResponse(400u, null, """{"message":"Bad request."}""".toByteArray()) })
        assertEquals(Enrolled.Refused(400u, "Bad request."), refusing.enrol(registrationCode(), enrolment()))
        assertEquals(emptyList<Account>(), phone.accounts.first())

        val account = phone.registered().account.id
        val without = Courier(phone, Recorder { HttpResponse(404u, null, ByteArray(0)) }).pull().single()
        assertEquals(PullResult.Answered(account, Pulled.NotOffered), without)
        val odd = Courier(phone, Recorder { HttpResponse(200u, null, "<html>".toByteArray()) }).pull().single()
        assertEquals("response-unreadable", assertInstanceOf(PullResult.Rejected::class.java, odd).reason.code)
    }

    @Test
    fun `a clock that is off is set right by one more pull`() = test { phone ->
        phone.registered()
        val ahead = System.currentTimeMillis() / 1000 + 3600
        val asked = AtomicInteger()
        val courier = Courier(phone, Recorder { post ->
            val body = json.readTree(post.body)
            val iat = claims(body["jwt"].asText())["iat"].asLong()
            if (asked.incrementAndGet() == 1) {
                assertTrue(iat < ahead - 3000)
                HttpResponse(400u, date(ahead), """{"code":400,"reason":"Bad Request","message":"clock"}""".toByteArray())
            } else {
                assertTrue(iat in ahead - 5..ahead + 60)
                HttpResponse(200u, date(ahead), """{"messages":[]}""".toByteArray())
            }
        })
        val pulled = assertInstanceOf(PullResult.Answered::class.java, courier.pull().single()).pulled
        assertEquals(Pulled.Messages(emptyList(), emptyList(), emptyList()), pulled)
        assertEquals(2, asked.get())
    }

    @Test
    fun `text that is none outside of the JVM is refused`() = test { phone ->
        val thrown = runCatching { phone.call { preview("\ud800") } }.exceptionOrNull()
        assertEquals("bad-text", assertInstanceOf(AuthenticatorException.Refused::class.java, thrown).code)
    }

    /** What the generated code does after every call; private to its file. */
    private fun check(status: UniffiRustCallStatus) {
        val generated = Class.forName("org.pushauthenticator.Push_authenticatorKt").declaredMethods.single { it.name == "uniffiCheckCallStatus" }
        generated.isAccessible = true
        try {
            generated.invoke(null, UniffiNullRustCallStatusErrorHandler, status)
        } catch (thrown: InvocationTargetException) {
            throw thrown.targetException
        }
    }

    @Test
    fun `a panic of the core is an exception that callers know, and its text stays inside`() = runBlocking {
        openPhone().use { phone ->
            // The core panics on an argument that nobody could have lowered: a byte at no address.
            val nothing = RustBuffer.ByValue().apply { len = 1 }
            val panic: Authenticator.() -> Unit = {
                val status = UniffiRustCallStatus()
                UniffiLib.uniffi_push_authenticator_fn_method_authenticator_preview(uniffiCloneHandle(), nothing, status)
                check(status)
            }
            val thrown = phone.runCatching { call(panic) }.exceptionOrNull()
            val text = assertInstanceOf(InternalException::class.java, phone.call { runCatching(panic).exceptionOrNull() }).message!!
            assertTrue(text.isNotEmpty())
            val failure = assertInstanceOf(AuthenticatorException.Vault::class.java, thrown)
            assertEquals("internal-failure", failure.code)
            assertEquals(null, failure.cause)
            assertTrue(text !in "$failure" && failure.explanation.startsWith("Something went wrong"))
            assertEquals(emptyList<Account>(), phone.call { accounts() })
        }
    }
}
