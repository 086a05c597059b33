package org.pushauthenticator.app

import android.util.Log
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.LogLevel
import org.pushauthenticator.LogSink
import org.pushauthenticator.code

/** Writes the core's log lines to the system log. They contain no secrets. */
object SystemLog : LogSink {
    private const val TAG = "PushAuthenticator"

    override fun log(level: LogLevel, line: String) {
        Log.println(if (level == LogLevel.WARNING) Log.WARN else Log.INFO, TAG, line)
    }

    /** For failures that happen while no screen is open to show them. */
    fun failure(reason: AuthenticatorException) {
        Log.w(TAG, "not done: ${reason.code}")
    }
}
