package org.pushauthenticator

import com.sun.net.httpserver.HttpServer
import java.io.IOException
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.SocketTimeoutException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The default transport, against real sockets. */
class TransportTest {
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0).apply {
        executor = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
        start()
    }
    private val origin = "http://127.0.0.1:${server.address.port}"
    private val transport = UrlConnectionTransport(2.seconds, 1.seconds)

    @AfterEach
    fun stop() = server.stop(0)

    private fun post(path: String, body: String = "{}", headers: List<HttpHeader> = emptyList()) =
        runBlocking { transport.post(HttpPost(if (path.startsWith("http")) path else origin + path, headers, body.toByteArray())) }

    private fun failure(work: () -> Unit): Throwable? = runCatching(work).exceptionOrNull()

    @Test
    fun `servers that hold their answers hold up no call of the core`() = runBlocking {
        val held = CountDownLatch(1)
        val asked = CountDownLatch(64)
        server.createContext("/held") { exchange ->
            asked.countDown()
            held.await()
            exchange.sendResponseHeaders(200, -1)
            exchange.close()
        }
        val patient = UrlConnectionTransport()
        openPhone().use { phone ->
            val posts = List(70) { launch(Dispatchers.Default) { patient.post(HttpPost("$origin/held", emptyList(), ByteArray(0))) } }
            assertTrue(asked.await(20, TimeUnit.SECONDS))
            assertEquals(emptyList<Account>(), withTimeout(10.seconds) { phone.call { accounts() } })
            held.countDown()
            posts.joinAll()
        }
    }

    @Test
    fun `bytes and headers go out as they are`() {
        val seen = mutableListOf<String>()
        server.createContext("/a") { exchange ->
            seen += exchange.requestMethod
            seen += String(exchange.requestBody.readAllBytes())
            seen += listOf("Cookie", "Content-Type", "Accept-API-Version").map { "${exchange.requestHeaders[it]}" }
            exchange.sendResponseHeaders(201, 0)
            exchange.responseBody.use { it.write("""{"a":1}""".toByteArray()) }
        }
        val headers = listOf(
            HttpHeader("Cookie", "amlbcookie=01"), HttpHeader("Content-Type", "application/json"),
            HttpHeader("Accept-API-Version", "resource=1.0, protocol=1.0"),
        )
        val response = post("/a", """{"x":"é"}""", headers)
        assertEquals(listOf("POST", """{"x":"é"}""", "[amlbcookie=01]", "[application/json]", "[resource=1.0, protocol=1.0]"), seen)
        assertEquals(201.toUShort(), response.status)
        assertArrayEquals("""{"a":1}""".toByteArray(), response.body)
        assertTrue(response.date!!.endsWith("GMT"))
    }

    @Test
    fun `redirects are not followed`() {
        val followed = AtomicInteger()
        server.createContext("/to") { followed.incrementAndGet(); it.sendResponseHeaders(200, -1) }
        for (status in listOf(301, 302, 303, 307, 308)) {
            server.createContext("/from$status") { exchange ->
                exchange.responseHeaders["Location"] = "$origin/to"
                exchange.sendResponseHeaders(status, -1)
                exchange.close()
            }
            assertEquals(status.toUShort(), post("/from$status").status)
        }
        assertEquals(0, followed.get())
    }

    @Test
    fun `no more than the limit is read`() {
        server.createContext("/large") { exchange ->
            exchange.sendResponseHeaders(200, 0)
            runCatching { exchange.responseBody.use { body -> repeat(1000) { body.write(ByteArray(64 * 1024)) } } }
        }
        assertEquals(64 * 1024 + 1, post("/large").body.size)
    }

    @Test
    fun `statuses are answers, with and without a body`() {
        for (status in listOf(204, 400, 401, 404, 407, 429, 500, 501, 503)) {
            server.createContext("/status$status") { exchange ->
                exchange.responseHeaders["WWW-Authenticate"] = "Basic realm=\"x\""
                if (status == 204) exchange.sendResponseHeaders(status, -1) else {
                    exchange.sendResponseHeaders(status, 0)
                    exchange.responseBody.use { it.write("{}".toByteArray()) }
                }
                exchange.close()
            }
            assertEquals(status.toUShort(), post("/status$status").status)
        }
    }

    @Test
    fun `what certainly was not sent is told from what may have been`() {
        val nobody = ServerSocket(0).use { it.localPort }
        for (url in listOf("http://127.0.0.1:$nobody/", "http://no-such-host.invalid/", "no address", "file:///etc/passwd", "http://[/")) {
            assertInstanceOf(NotSentException::class.java, failure { post(url) }, url)
        }
        ServerSocket(0).use { rude ->
            thread(isDaemon = true) { while (true) runCatching { rude.accept().use { it.getInputStream().read() } }.getOrElse { break } }
            val lost = failure { post("http://127.0.0.1:${rude.localPort}/") }
            assertTrue(lost is IOException && lost !is NotSentException, "$lost")
        }
    }

    @Test
    fun `a silent server and one that drips are given up`() {
        ServerSocket(0).use { silent ->
            val took = measureTime { assertInstanceOf(SocketTimeoutException::class.java, failure { post("http://127.0.0.1:${silent.localPort}/") }) }
            assertTrue(took in 900.milliseconds..20.seconds, "$took")
        }
        server.createContext("/drip") { exchange ->
            exchange.sendResponseHeaders(200, 0)
            runCatching { exchange.responseBody.use { body -> while (true) { body.write(1); body.flush(); Thread.sleep(100) } } }
        }
        val took = measureTime { assertInstanceOf(SocketTimeoutException::class.java, failure { post("/drip") }) }
        assertTrue(took in 2.seconds..20.seconds, "$took")
    }
}
