package org.pushauthenticator

import java.io.IOException
import java.io.InputStream
import java.net.HttpRetryException
import java.net.HttpURLConnection
import java.net.SocketTimeoutException
import java.net.URI
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withTimeoutOrNull

/**
 * The default transport, over [HttpURLConnection], which every JVM and Android version has. Follows no redirects, reads
 * at most 64 KiB of a response, and enforces timeouts.
 *
 * @param connectTimeout time limit for the connection
 * @param answerTimeout time limit for the response once the request is sent, in addition to the time that the server
 * may hold it
 * @param dispatcher where an HTTP request may block for as long as a server holds it: separate threads, so that calls
 * of the core never wait for servers
 */
public class UrlConnectionTransport(
    private val connectTimeout: Duration = 10.seconds,
    private val answerTimeout: Duration = 15.seconds,
    private val dispatcher: CoroutineDispatcher = WAITING,
) : HttpTransport {
    override suspend fun post(post: HttpPost): HttpResponse =
        // The socket's own timeout restarts with every byte.
        withTimeoutOrNull(connectTimeout + answerTimeout + post.patience) { exchange(post) }
            ?: throw SocketTimeoutException("The server's answer did not come in time.")

    private suspend fun exchange(post: HttpPost): HttpResponse {
        val connection = open(post)
        return suspendCancellableCoroutine { continuation ->
            // A blocked read ignores cancellation; closing the socket ends it.
            continuation.invokeOnCancellation { connection.disconnect() }
            dispatcher.dispatch(EmptyCoroutineContext) {
                val answer = runCatching { talk(connection, post) { continuation.isActive } }
                connection.disconnect()
                continuation.resumeWith(answer)
            }
        }
    }

    private fun open(post: HttpPost): HttpURLConnection {
        val connection = try {
            URI(post.url).toURL().openConnection() as? HttpURLConnection
        } catch (malformed: Exception) {
            throw NotSentException(malformed)
        } ?: throw NotSentException(IOException("no HTTP address"))
        connection.requestMethod = "POST"
        connection.instanceFollowRedirects = false
        connection.useCaches = false
        connection.doOutput = true
        connection.connectTimeout = connectTimeout.inWholeMilliseconds.toInt()
        connection.readTimeout = (answerTimeout + post.patience).inWholeMilliseconds.toInt()
        post.headers.forEach { connection.setRequestProperty(it.name, it.value) }
        // Also keeps the connection from resending the request on its own.
        connection.setFixedLengthStreamingMode(post.body.size)
        return connection
    }

    private fun talk(connection: HttpURLConnection, post: HttpPost, isWanted: () -> Boolean): HttpResponse {
        try {
            if (isWanted()) connection.connect()
        } catch (failure: IOException) {
            throw NotSentException(failure)
        }
        if (!isWanted()) throw NotSentException(IOException("cancelled"))
        connection.outputStream.use { it.write(post.body) }
        val status = try {
            connection.responseCode
        } catch (asked: HttpRetryException) {
            // A 401 or 407 that demands a password, which nobody has.
            return HttpResponse(asked.responseCode().toUShort(), null, ByteArray(0))
        }
        if (status !in 100..999) throw IOException("The server's answer is not HTTP.")
        val body = if (status < 400) connection.inputStream else connection.errorStream
        return HttpResponse(status.toUShort(), connection.getHeaderField("Date"), body?.use(::readCapped) ?: ByteArray(0))
    }

    /** Reads one byte beyond the limit, so that the core notices an oversized body. */
    private fun readCapped(stream: InputStream): ByteArray {
        val buffer = ByteArray(RESPONSE_LIMIT + 1)
        var length = 0
        while (length < buffer.size) {
            val count = stream.read(buffer, length, buffer.size - length)
            if (count < 0) break
            length += count
        }
        return buffer.copyOf(length)
    }

    private companion object {
        const val RESPONSE_LIMIT = 64 * 1024

        /** Separate from the threads of `Dispatchers.IO`, and not counted toward limits set on it. */
        val WAITING = Dispatchers.IO.limitedParallelism(64)
    }
}
