package org.pushauthenticator.app.messages

import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.async
import org.pushauthenticator.Answer
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Enrolled
import org.pushauthenticator.app.App

/**
 * What screens began to send, and must not end with them: the app goes on with it when the screen is left, turned or made
 * anew. What nobody looks at is told by a notification. It knows no screen.
 */
class Outgoing(private val app: App) {
    private val underway = AtomicInteger()
    private val watched = mutableSetOf<String>()
    private val registrations = mutableMapOf<String, Deferred<Enrolled>>()

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
    suspend fun answer(id: String, send: suspend () -> Answer): Answer = begin {
        val answer = try {
            send()
        } catch (failed: AuthenticatorException) {
            if (!isWatched(id)) app.notices.tell(id, Answer.Rejected(failed))
            throw failed
        }
        if (answer is Answer.Queued) DeliveryJob.soon(app)
        if (!isWatched(id)) app.notices.tell(id, answer)
        answer
    }.await()

    /**
     * Adds an account and sends its registration, likewise. Whoever asks for it by this name until [shown] is called waits for the
     * same one.
     *
     * @throws AuthenticatorException when the vault cannot be used
     */
    suspend fun register(name: String, enrol: suspend () -> Enrolled): Enrolled {
        // It may be through before it is written down.
        val registration = synchronized(registrations) {
            begin {
                try {
                    enrol().also { registered(name, it) }
                } catch (failed: AuthenticatorException) {
                    registered(name, Enrolled.Rejected(failed))
                    throw failed
                }
            }.also { registrations[name] = it }
        }
        return registration.await()
    }

    /** The registration that a screen of this name began, and no screen showed the end of. */
    fun registration(name: String): Deferred<Enrolled>? = synchronized(registrations) { registrations[name] }

    /** A screen says what came of the registration. */
    fun shown(name: String) {
        synchronized(registrations) { registrations -= name }
    }

    private fun registered(name: String, enrolled: Enrolled) {
        if (enrolled is Enrolled.Queued) DeliveryJob.soon(app)
        if (isWatched(name)) return
        app.notices.tell(enrolled)
        shown(name)
    }

    private fun isWatched(name: String) = synchronized(watched) { name in watched }

    /** What this starts goes on when nobody waits for it any more. */
    private fun <T> begin(work: suspend () -> T): Deferred<T> {
        underway.incrementAndGet()
        return app.scope.async {
            try {
                work()
            } finally {
                underway.decrementAndGet()
            }
        }
    }
}
