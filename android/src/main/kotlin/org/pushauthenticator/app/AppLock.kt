package org.pushauthenticator.app

import android.os.SystemClock

/** Whether the app has to ask who is there: at its start, and when it was left for a while. */
class AppLock(private val settings: Settings) {
    private var open = false

    /** Since when no screen is shown, in milliseconds since the phone started; nothing while one is. */
    private var leftAt: Long? = null

    /** True of an app that was left long enough, too, before anybody comes back: a push may arrive in between. */
    @get:Synchronized
    val isLocked: Boolean get() = settings.appLock && !(open && away() < PATIENCE)

    /** The person proved who it is, or turned the lock on just now. */
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
