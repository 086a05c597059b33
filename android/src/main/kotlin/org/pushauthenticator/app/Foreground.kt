package org.pushauthenticator.app

import android.app.Activity
import android.app.Application
import android.os.Bundle
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.PullResult
import org.pushauthenticator.Pulled

/** While a screen is shown: what waits is sent, and servers that list messages are asked for them all the time. */
class Foreground(private val app: App) : Application.ActivityLifecycleCallbacks {
    private var shown = 0
    private var work: Job? = null

    override fun onActivityStarted(activity: Activity) {
        if (shown++ > 0) return
        app.lock.returned()
        work = app.scope.launch { run() }
    }

    override fun onActivityStopped(activity: Activity) {
        if (--shown > 0) return
        app.lock.left()
        work?.cancel()
    }

    private suspend fun run() {
        while (true) {
            try {
                val core = app.core()
                coroutineScope {
                    launch { core.courier.run() }
                    launch { ask(core) }
                }
            } catch (over: CancellationException) {
                throw over
            } catch (failed: AuthenticatorException) {
                SystemLog.failure(failed)
            }
            delay(PAUSE)
        }
    }

    private suspend fun ask(core: Core) {
        while (true) {
            // The server holds the request until a message is there, so a message is seen at once.
            val results = core.courier.pull(HELD)
            if (results.none { it is PullResult.Answered && it.pulled is Pulled.Messages }) delay(PAUSE)
        }
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit
    override fun onActivityResumed(activity: Activity) = Unit
    override fun onActivityPaused(activity: Activity) = Unit
    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit
    override fun onActivityDestroyed(activity: Activity) = Unit

    private companion object {
        val HELD = 20.seconds
        val PAUSE = 5.seconds
    }
}
