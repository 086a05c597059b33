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

/** The entry point for push services: a receiver for FCM or UnifiedPush calls this. */
class Messages(private val app: App) {
    /**
     * Processes what a push service delivered, and shows the sign-on request. If the push is only a hint, fetches the
     * message from the server first. Accepts any input: the core verifies it, and a rejected message changes and shows
     * nothing.
     *
     * @param payload JSON: FCM's data map, or `{"messageId", "message"}`
     * @param patience how long the server may take; push services give a receiver about 20 seconds
     * @return the id of the sign-on request, or null if the message was rejected or did not arrive
     */
    suspend fun take(payload: ByteArray, patience: Duration = 15.seconds): String? = try {
        val core = app.core()
        val arrival = withTimeoutOrNull(patience) { core.courier.receive(payload) }
        // The process may end before the collector of the flow gets there.
        app.notices.follow(core.phone.call { pending() }, core.phone.call { accounts() })
        // The server did not respond; ask again as soon as there is a network.
        if (arrival == null || arrival is Arrival.Missing && arrival.result is PullResult.Unreachable) DeliveryJob.soon(app)
        (arrival as? Arrival.Request)?.notification?.id
    } catch (refused: AuthenticatorException) {
        SystemLog.failure(refused)
        null
    }

    /** Stores a new token from the push service, and tells every server, now or later. */
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
