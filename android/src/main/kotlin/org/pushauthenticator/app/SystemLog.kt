package org.pushauthenticator.app

import android.util.Log
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.LogLevel
import org.pushauthenticator.LogSink
import org.pushauthenticator.code

/** The core's log lines, in the system's log. They hold no secret. */
object SystemLog : LogSink {
    private const val TAG = "PushAuthenticator"

    override fun log(level: LogLevel, line: String) {
        Log.println(if (level == LogLevel.WARNING) Log.WARN else Log.INFO, TAG, line)
    }

    /** Nobody is looking at a screen that could show this. */
    fun failure(reason: AuthenticatorException) {
        Log.w(TAG, "not done: ${reason.code}")
    }
}
