package org.pushauthenticator.app

import android.os.SystemClock

/** Decides when the app asks the user to unlock it: at start, and after the app was left for a while. */
class AppLock(private val settings: Settings) {
    private var open = false

    /** When the last screen was left, in milliseconds since the phone started; null while a screen is shown. */
    private var leftAt: Long? = null

    /**
     * Also true while the app is still in the background, once it has been there long enough: a push may arrive before
     * the user returns.
     */
    @get:Synchronized
    val isLocked: Boolean get() = settings.appLock && !(open && away() < PATIENCE)

    /** The user has authenticated, or has just turned the lock on. */
    @Synchronized
    fun unlocked() {
        open = true
        leftAt = null
    }

    @Synchronized
    fun left() {
        leftAt = SystemClock.elapsedRealtime()
    }

    @Synchronized
    fun returned() {
        if (away() >= PATIENCE) open = false
        leftAt = null
    }

    private fun away(): Long = leftAt?.let { SystemClock.elapsedRealtime() - it } ?: 0

    private companion object {
        /** In milliseconds. */
        const val PATIENCE = 30_000
    }
}
