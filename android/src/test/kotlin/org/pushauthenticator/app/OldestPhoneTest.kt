package org.pushauthenticator.app

import android.app.Activity
import android.app.NotificationManager
import android.security.keystore.KeyGenParameterSpec
import android.view.View
import android.view.ViewGroup
import android.widget.Switch
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.KeyLevel
import org.pushauthenticator.NotificationState
import org.pushauthenticator.UserPresence
import org.pushauthenticator.app.keys.BiometricKey
import org.pushauthenticator.app.keys.VaultKey
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.SettingsActivity
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** What differs on the oldest system that the app runs on, API 28. */
@Config(sdk = [28])
class OldestPhoneTest : AppTest() {
    @Test
    fun `keys are made, and the biometric one is asked about every time`() {
        VaultKey(app).run { assertEquals(32, unwrap(wrap(ByteArray(32))).size) }
        BiometricKey(app).wrap(ByteArray(32))
        val spec: KeyGenParameterSpec = FakeKeyStore.specs.last()
        assertTrue(spec.isUserAuthenticationRequired)
        assertTrue(spec.isInvalidatedByBiometricEnrollment)
        assertEquals(-1, spec.userAuthenticationValidityDurationSeconds)
    }

    @Test
    fun `a notification has no actions, because a locked phone would run them`() {
        val request = LocalServer(this).push("n", "default")
        val notice = await("a notification") { app.service<NotificationManager>().activeNotifications.find { it.tag == request.id } }
        assertTrue(notice.notification.actions.isNullOrEmpty())
    }

    @Test
    fun `a request is answered with the finger`() {
        val server = LocalServer(this)
        val screen = open<RequestActivity>(RequestActivity.intent(app, server.push("n", "biometric").id))
        screen.awaitText("Deny")
        screen.tap(R.id.approve)
        await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        screen.awaitText("Not sent yet")
        close()
        server.settleAll()
        assertEquals(NotificationState.APPROVED, phone { history(1u, 0u) }.single().state)
    }

    @Test
    fun `an account's own key is made and asked about every time`() {
        val server = LocalServer(this, keyed = true)
        val spec: KeyGenParameterSpec = FakeKeyStore.specs.last()
        assertTrue(spec.isUserAuthenticationRequired && spec.isInvalidatedByBiometricEnrollment)
        assertEquals(-1, spec.userAuthenticationValidityDurationSeconds)
        assertEquals(KeyLevel.TEE to UserPresence.BIOMETRIC, server.account.key?.run { level to presence })
        val screen = open<RequestActivity>(RequestActivity.intent(app, server.push("n", "challenge", numbers = "17,42,86").id))
        screen.awaitText("Deny")
        screen.requireViewById<ViewGroup>(R.id.numbers).getChildAt(1).performClick()
        await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        screen.awaitText("Not sent yet")
        close()
        server.settleAll()
        assertEquals(NotificationState.APPROVED, phone { history(1u, 0u) }.single().state)
    }

    @Test
    fun `a request is answered with a number`() {
        val server = LocalServer(this)
        val screen = open<RequestActivity>(RequestActivity.intent(app, server.push("n", "challenge", numbers = "17,42,86").id))
        screen.awaitText("Deny")
        screen.requireViewById<ViewGroup>(R.id.numbers).getChildAt(1).performClick()
        screen.awaitText("Not sent yet")
    }

    @Test
    fun `facts, and the lock`() {
        assertTrue(DeviceState(app).hasBiometric)
        setBiometric(false)
        assertFalse(DeviceState(app).hasBiometric)
        val settings = open<SettingsActivity>()
        settings.requireViewById<Switch>(R.id.app_lock).performClick()
        close()
        org.robolectric.shadows.ShadowSystemClock.advanceBy(java.time.Duration.ofSeconds(31))
        val screen = open<AccountsActivity>()
        assertTrue(screen.requireViewById<View>(R.id.locked).isShown)
        val asked = await("the system's question") { shadowOf(screen).nextStartedActivityForResult }
        assertNull("a prompt that takes no PIN", ShadowBiometricPrompt.shown)
        shadowOf(screen).receiveResult(asked.intent, Activity.RESULT_CANCELED, null)
        assertTrue(app.lock.isLocked)
        screen.tap(R.id.unlock)
        val again = await("the question again") { shadowOf(screen).nextStartedActivityForResult }
        shadowOf(screen).receiveResult(again.intent, Activity.RESULT_OK, null)
        assertFalse(app.lock.isLocked)
    }
}
