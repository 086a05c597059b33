package org.pushauthenticator

import java.io.IOException
import kotlin.time.Duration

/** Sends requests. An app puts its own HTTP stack here, with its proxies and pinned certificates. */
public fun interface HttpTransport {
    /**
     * Sends [post] as it is, follows no redirect, and gives whatever the server answered, whatever its status. Cancelling
     * gives the request up.
     *
     * @throws NotSentException when certainly nothing reached the server
     * @throws IOException when something may have reached it, and no answer came
     */
    public suspend fun post(post: HttpPost): HttpResponse
}

/**
 * What is to be sent by POST.
 *
 * @property url where it goes
 * @property headers headers to send
 * @property body the body, its bytes exactly as they are
 * @property patience how long the server may hold the request beyond the usual
 */
public class HttpPost(
    public val url: String,
    public val headers: List<HttpHeader>,
    public val body: ByteArray,
    public val patience: Duration = Duration.ZERO,
)

/** Certainly nothing reached the server: no network, no address, no connection. */
public class NotSentException(cause: Throwable) : IOException("The request was not sent: ${cause.message}", cause)
