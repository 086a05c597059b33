package org.pushauthenticator.app

import android.app.Activity
import android.app.Application
import android.os.Bundle
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.app.messages.DeliveryJob

/** While a screen is shown, sends what is due and continuously asks the servers that list messages. */
class Foreground(private val app: App) : Application.ActivityLifecycleCallbacks {
    private var shown = 0
    private var sending: Job? = null
    private var asking: Job? = null
    private var leaving: Job? = null

    @Synchronized
    override fun onActivityStarted(activity: Activity) {
        if (shown++ > 0) return
        app.lock.returned()
        leaving?.cancel()
        if (sending?.isActive != true) sending = again { it.courier.run() }
        asking = again(::ask)
    }

    @Synchronized
    override fun onActivityStopped(activity: Activity) {
        if (--shown > 0) return
        app.lock.left()
        // A message that is lost here will be listed again.
        asking?.cancel()
        leaving = app.scope.launch { awaitSent() }
        // The system leaves a process alone while its job runs. Recreating a screen takes too little time to need one.
        if (app.outgoing.isBusy && !activity.isChangingConfigurations) DeliveryJob.soon(app)
    }

    /** Never interrupts an HTTP request that has been sent, because its outcome would be unknown. */
    private suspend fun awaitSent() {
        try {
            withTimeoutOrNull(GRACE) { app.core().courier.awaitIdle() }
        } catch (failed: AuthenticatorException) {
            SystemLog.failure(failed)
        }
        stopSending()
    }

    /** The user may have come back at the last moment. */
    @Synchronized
    private fun stopSending() {
        if (shown == 0) sending?.cancel()
    }

    private fun again(work: suspend (Core) -> Unit): Job = app.scope.launch {
        while (true) {
            try {
                work(app.core())
            } catch (over: CancellationException) {
                throw over
            } catch (failed: AuthenticatorException) {
                SystemLog.failure(failed)
            }
            delay(PAUSE)
        }
    }

    /** The server holds the HTTP request until a message arrives, and responds immediately while one is unanswered. */
    private suspend fun ask(core: Core) {
        core.courier.pull(HELD)
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit
    override fun onActivityResumed(activity: Activity) = Unit
    override fun onActivityPaused(activity: Activity) = Unit
    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit
    override fun onActivityDestroyed(activity: Activity) = Unit

    private companion object {
        val HELD = 20.seconds
        val PAUSE = 5.seconds

        /** Longer than an HTTP request takes. */
        val GRACE = 30.seconds
    }
}
