package org.pushauthenticator.app

import android.os.SystemClock

/** Whether the app has to ask who is there: at its start, and when it was left for a while. */
class AppLock(private val settings: Settings) {
    private var open = false
    private var leftAt: Long? = null

    val isLocked: Boolean get() = settings.appLock && !open

    /** The person proved who it is, or turned the lock on just now. */
    fun unlocked() {
        open = true
    }

    fun left() {
        leftAt = SystemClock.elapsedRealtime()
    }

    fun returned() {
        val away = leftAt?.let { SystemClock.elapsedRealtime() - it } ?: return
        if (away >= PATIENCE) open = false
    }

    private companion object {
        /** In milliseconds. */
        const val PATIENCE = 30_000
    }
}
