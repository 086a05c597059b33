package org.pushauthenticator.app

import android.app.NotificationManager
import android.hardware.biometrics.BiometricPrompt
import android.provider.Settings
import android.view.View
import android.widget.Switch
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.app.messages.RequestNotices
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.SettingsActivity
import org.robolectric.Shadows.shadowOf

/** The app lock and the app's notifications when the phone's own settings change. */
class LocksTest : AppTest() {
    @Test
    fun `the lock can be turned off when the screen lock is gone, and not on again`() {
        app.settings.appLock = true
        keyguard.setIsDeviceSecure(false)
        val screen = open<SettingsActivity>()
        val switch = screen.requireViewById<Switch>(R.id.app_lock)
        assertTrue(switch.isEnabled)
        switch.performClick()
        assertFalse(app.settings.appLock)
        assertFalse(switch.isEnabled)
    }

    @Test
    fun `who said no on the system's own screen is not asked again at once, and then is`() {
        addCodes()
        app.settings.appLock = true
        val screen = open<AccountsActivity>()
        val prompt = await("a prompt") { ShadowBiometricPrompt.shown }
        ShadowBiometricPrompt.reset()
        // The PIN is requested on another screen, which returns with a failure.
        behind(screen) { prompt.fail(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, "") }
        screen.awaitText("Locked")
        assertNull("asked again", ShadowBiometricPrompt.shown)
        returned(screen)
        await("a prompt when the person comes back") { ShadowBiometricPrompt.shown }
    }

    private val notices get() = app.service<NotificationManager>()

    /** Changes the channel as the user does in the phone's settings. */
    private fun channel(importance: Int) {
        notices.getNotificationChannel(RequestNotices.CHANNEL).importance = importance
    }

    @Test
    fun `notifications that are turned off, or whose channel is, are told in the settings and in the list`() {
        LocalServer(this)
        val off = "you see a sign-on request only while the app is open"
        fun told() = listOf(open<SettingsActivity>().also { it.awaitText("Notifications") }, open<AccountsActivity>().also { it.awaitText("Ping") })
            .map { screen -> screen.texts().any { off in it } }
        assertEquals(listOf(false, false), told())
        channel(NotificationManager.IMPORTANCE_NONE)
        assertEquals(listOf(true, true), told())
        channel(NotificationManager.IMPORTANCE_HIGH)
        assertEquals(listOf(false, false), told())
        shadowOf(notices).setNotificationsEnabled(false)
        assertEquals(listOf(true, true), told())
        val list = open<AccountsActivity>()
        list.tap(R.id.silent_settings)
        assertEquals(Settings.ACTION_APP_NOTIFICATION_SETTINGS, shadowOf(list).nextStartedActivity.action)
        shadowOf(notices).setNotificationsEnabled(true)
        returned(list)
        awaitThat("it is gone") { !list.requireViewById<View>(R.id.silent).isShown }
    }

    @Test
    fun `an app that shows codes only says nothing of notifications in its list`() {
        addCodes()
        shadowOf(notices).setNotificationsEnabled(false)
        val list = open<AccountsActivity>()
        list.awaitText("Example")
        assertFalse(list.requireViewById<View>(R.id.silent).isShown)
    }

    @Test
    fun `a notification that was tapped leaves no card among the recent apps`() {
        val info = app.packageManager.getPackageInfo(app.packageName, android.content.pm.PackageManager.GET_ACTIVITIES)
        val hidden = info.activities!!.filter { it.flags and android.content.pm.ActivityInfo.FLAG_EXCLUDE_FROM_RECENTS != 0 }.map { it.name.substringAfterLast('.') }
        assertEquals(listOf("RequestActivity"), hidden)
    }
}
