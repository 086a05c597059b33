package org.pushauthenticator.app

import android.content.Context
import java.util.UUID
import org.pushauthenticator.CommunicationType

/** What the person chose, and where pushes come from. No secret is among it. */
class Settings(context: Context) {
    private val stored = context.getSharedPreferences("settings", Context.MODE_PRIVATE)

    /** The app asks who is there before it shows anything. */
    var appLock: Boolean
        get() = stored.getBoolean("app_lock", false)
        set(value) = stored.edit().putBoolean("app_lock", value).apply()

    /** No screenshots, and nothing in the list of recent apps. */
    var screenshotsBlocked: Boolean
        get() = stored.getBoolean("screenshots_blocked", true)
        set(value) = stored.edit().putBoolean("screenshots_blocked", value).apply()

    /** How pushes reach this phone; until a push service gave a token, it asks for its messages itself. */
    val communicationType: CommunicationType
        get() = CommunicationType.valueOf(stored.getString("communication_type", null) ?: CommunicationType.EMBEDDED.name)

    /** Where pushes go; made up by this app while there is no push service. */
    val pushToken: String
        get() = synchronized(this) {
            stored.getString("push_token", null) ?: UUID.randomUUID().toString().also { setPush(it, communicationType) }
        }

    fun setPush(token: String, type: CommunicationType) {
        stored.edit().putString("push_token", token).putString("communication_type", type.name).apply()
    }
}
