package org.pushauthenticator

import java.io.IOException
import kotlin.time.Duration

/** Sends HTTP requests. Implement this to use your own HTTP stack, with its proxies and pinned certificates. */
public fun interface HttpTransport {
    /**
     * Sends [post] unchanged, follows no redirect, and returns the server's response, whatever its status. Cancellation
     * aborts the HTTP request.
     *
     * @throws NotSentException when certainly nothing reached the server
     * @throws IOException when something may have reached the server, but no response arrived
     */
    public suspend fun post(post: HttpPost): HttpResponse
}

/**
 * An HTTP POST to send.
 *
 * @property url target URL
 * @property headers headers to send
 * @property body the exact bytes of the body
 * @property patience how much longer than usual the server may hold the HTTP request
 */
public class HttpPost(
    public val url: String,
    public val headers: List<HttpHeader>,
    public val body: ByteArray,
    public val patience: Duration = Duration.ZERO,
)

/** Thrown when certainly nothing reached the server: no network, no address, or no connection. */
public class NotSentException(cause: Throwable) : IOException("The request was not sent: ${cause.message}", cause)
