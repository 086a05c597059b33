package org.pushauthenticator.app.messages

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.withTimeoutOrNull
import org.pushauthenticator.Arrival
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.CommunicationType
import org.pushauthenticator.PullResult
import org.pushauthenticator.app.App
import org.pushauthenticator.app.SystemLog

/** The entry point for push services: what a receiver of FCM or UnifiedPush calls. */
class Messages(private val app: App) {
    /**
     * Takes in what a push service delivered, and shows the sign-on request; where the push is a hint, the server is asked for
     * it first. May be called with anything: the core verifies it, and a message that is refused changes nothing and shows
     * nothing.
     *
     * @param payload JSON: FCM's data map, or `{"messageId", "message"}`
     * @param patience how long the server may take; push services give a receiver some 20 seconds
     * @return the id of the sign-on request; nothing when it was refused, or is not here
     */
    suspend fun take(payload: ByteArray, patience: Duration = 15.seconds): String? = try {
        val core = app.core()
        val arrival = withTimeoutOrNull(patience) { core.courier.receive(payload) }
        // The process may end before whoever follows the flow gets there.
        app.notices.follow(core.phone.call { pending() }, core.phone.call { accounts() })
        // The server did not answer: as soon as there is a network it is asked again.
        if (arrival == null || arrival is Arrival.Missing && arrival.result is PullResult.Unreachable) DeliveryJob.soon(app)
        (arrival as? Arrival.Request)?.notification?.id
    } catch (refused: AuthenticatorException) {
        SystemLog.failure(refused)
        null
    }

    /** A push service gave this phone another token: every server is told, now or later. */
    suspend fun moved(token: String, type: CommunicationType) {
        app.settings.setPush(token, type)
        try {
            val core = app.core()
            core.phone.call { setPushToken(token, type) }
            core.courier.deliver()
        } catch (failed: AuthenticatorException) {
            SystemLog.failure(failed)
        }
        DeliveryJob.soon(app)
    }
}
