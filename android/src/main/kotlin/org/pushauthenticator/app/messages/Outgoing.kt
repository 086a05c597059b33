package org.pushauthenticator.app.messages

import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.async
import org.pushauthenticator.Answer
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Enrolled
import org.pushauthenticator.app.App

/**
 * Sends what must not end with the screen that started it: the app continues when the user leaves or rotates the
 * screen. If no screen is open to show a result, a notification does. Independent of the screens.
 */
class Outgoing(private val app: App) {
    private val underway = AtomicInteger()
    private val watched = mutableSetOf<String>()
    private val registrations = mutableMapOf<String, Deferred<Enrolled>>()

    /** Whether anything is being sent right now. */
    val isBusy: Boolean get() = underway.get() > 0

    /** Notes that an open screen will show the result of the sign-on request or registration with this name. */
    fun watch(name: String) = synchronized(watched) { watched += name }

    fun unwatch(name: String) = synchronized(watched) { watched -= name }

    /**
     * Sends an answer to completion, even if its caller is cancelled. If the answer could not be sent, the job takes
     * over.
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
     * Adds an account and sends its registration to completion, even if its caller is cancelled. Further calls with the
     * same name wait for the same registration until [shown] is called.
     *
     * @throws AuthenticatorException when the vault cannot be used
     */
    suspend fun register(name: String, enrol: suspend () -> Enrolled): Enrolled {
        // The registration may finish before it is recorded.
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

    /** Returns the registration that a screen with this name started and whose result no screen has shown yet. */
    fun registration(name: String): Deferred<Enrolled>? = synchronized(registrations) { registrations[name] }

    /** Notes that a screen has shown the result of the registration. */
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

    /** Starts work that continues when nobody waits for it any more. */
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
