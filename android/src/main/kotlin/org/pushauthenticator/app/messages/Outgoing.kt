package org.pushauthenticator.app.messages

import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.async
import org.pushauthenticator.Answer
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.app.App

/**
 * What screens began to send, and must not end with them: the app goes on with it when the screen is left, turned or made
 * anew. What nobody looks at is told by a notification. It knows no screen.
 */
class Outgoing(private val app: App) {
    private val underway = AtomicInteger()
    private val watched = mutableSetOf<String>()

    /** Whether something is on its way at this moment. */
    val isBusy: Boolean get() = underway.get() > 0

    /** A screen that is looked at says what becomes of the sign-on request or the registration of this name. */
    fun watch(name: String) = synchronized(watched) { watched += name }

    fun unwatch(name: String) = synchronized(watched) { watched -= name }

    /**
     * Sends an answer to its end, whatever becomes of who waits for it. One that could not be sent is left to the job.
     *
     * @throws AuthenticatorException when the vault cannot be used
     */
    suspend fun answer(id: String, send: suspend () -> Answer): Answer = carry {
        val answer = try {
            send()
        } catch (failed: AuthenticatorException) {
            if (!isWatched(id)) app.notices.tell(id, Answer.Rejected(failed))
            throw failed
        }
        if (answer is Answer.Queued) DeliveryJob.soon(app)
        if (!isWatched(id)) app.notices.tell(id, answer)
        answer
    }

    private fun isWatched(name: String) = synchronized(watched) { name in watched }

    /** A cancellation of the caller ends the waiting, not the [work]. */
    private suspend fun <T> carry(work: suspend () -> T): T {
        underway.incrementAndGet()
        return app.scope.async {
            try {
                work()
            } finally {
                underway.decrementAndGet()
            }
        }.await()
    }
}
