package org.pushauthenticator.app

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/** A server that accepts what a phone sends, and responds when the test says so; it lists messages as specified. */
class HeldServer(private val status: Int = 200, private val pulls: Pair<Int, String> = 404 to "{}") : AutoCloseable {
    private val gate = CountDownLatch(1)
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)

    /** The requested actions, in the order of arrival. */
    val taken = CopyOnWriteArrayList<String>()
    val host: String get() = "127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/") { answer(it) }
        server.start()
    }

    fun count(action: String) = taken.count { it == action }

    /** Responds to everything, immediately from now on. */
    fun release() = gate.countDown()

    private fun answer(exchange: HttpExchange) = exchange.use {
        it.requestBody.readAllBytes()
        val action = it.requestURI.query.orEmpty().substringAfter("_action=").substringBefore('&')
        taken += action
        val (status, body) = if (action == PULL) pulls else (status to "{}").also { gate.await(30, TimeUnit.SECONDS) }
        it.sendResponseHeaders(status, body.length.toLong())
        it.responseBody.write(body.toByteArray())
    }

    override fun close() {
        release()
        server.stop(0)
        threads.shutdownNow()
    }

    companion object {
        const val ANSWER = "authenticate"
        const val REGISTRATION = "register"
        const val PULL = "pending"
    }
}
