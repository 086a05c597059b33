package org.pushauthenticator.app.messages

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.net.Uri
import kotlinx.coroutines.launch
import org.pushauthenticator.Answer
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Evidence
import org.pushauthenticator.app.App
import org.pushauthenticator.app.SystemLog

/**
 * Handles answers given in the notification itself. The core rejects an approval while the device or the app is locked.
 */
class AnswerReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = context.applicationContext as App
        val id = intent.data?.schemeSpecificPart ?: return
        val verb = intent.action
        val ended = goAsync()
        app.scope.launch {
            try {
                val courier = app.core().courier
                val answer = when (verb) {
                    APPROVE -> courier.approve(id, Evidence.Tap)
                    DENY -> courier.deny(id)
                    else -> return@launch
                }
                if (answer is Answer.Queued) DeliveryJob.soon(app)
                app.notices.tell(id, answer)
            } catch (failed: AuthenticatorException) {
                SystemLog.failure(failed)
                // No screen is open, so the notification itself says that nothing was answered.
                app.notices.tell(id, Answer.Rejected(failed))
            } finally {
                ended?.finish()
            }
        }
    }

    companion object {
        const val APPROVE = "org.pushauthenticator.app.APPROVE"
        const val DENY = "org.pushauthenticator.app.DENY"

        /** The data URI keeps the intents of different sign-on requests apart. */
        fun intent(context: Context, verb: String, id: String): Intent =
            Intent(verb, Uri.fromParts("request", id, null), context, AnswerReceiver::class.java)
    }
}
