package org.pushauthenticator.app

import android.app.Notification
import android.app.NotificationManager
import android.content.Intent
import android.net.Uri
import android.os.UserManager
import android.service.notification.StatusBarNotification
import android.widget.Switch
import java.io.File
import java.time.Duration
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Authenticator
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.app.keys.VaultKey
import org.pushauthenticator.app.messages.AnswerReceiver
import org.pushauthenticator.app.messages.RequestNotices
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.SettingsActivity
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowNotificationManager
import org.robolectric.util.ReflectionHelpers
import org.robolectric.shadows.ShadowSystemClock

/** Notifications while the app is locked, and when nothing can be answered. */
class NoticesTest : AppTest() {
    private fun notice(id: Int): StatusBarNotification? = app.service<NotificationManager>().activeNotifications.find { it.id == id }
    private fun request() = await("a notification") { notice(RequestNotices.REQUEST) }.notification
    private fun StatusBarNotification.text() = notification.extras.getString("android.text")
    private fun result() = await("the result") { notice(RequestNotices.RESULT) }
    private fun titles() = request().actions.map { it.title.toString() }

    private fun press(verb: String, id: String) = AnswerReceiver().onReceive(app, AnswerReceiver.intent(app, verb, id))

    @Test
    fun `the app's lock takes approving and the message off the notification`() {
        val server = LocalServer(this)
        app.settings.appLock = true
        val request = server.push("n", "default")
        assertEquals(listOf("Deny"), titles())
        assertEquals("what it is about is not told", "demo", await("a notification") { notice(RequestNotices.REQUEST) }.text())

        // A button that was drawn before.
        press(AnswerReceiver.APPROVE, request.id)
        assertEquals("Unlock the phone and this app to see what this is about and to approve it.", result().text())
        assertEquals(1, phone { pending() }.size)
        press(AnswerReceiver.DENY, request.id)
        awaitThat("denied") { phone { pending() }.isEmpty() }
    }

    @Test
    fun `an app that was left is locked for a push before anybody comes back`() {
        val server = LocalServer(this)
        open<SettingsActivity>().requireViewById<Switch>(R.id.app_lock).performClick()
        close()
        assertEquals("Login attempt from demo at Ping", server.push("n1", "default").message)
        ShadowSystemClock.advanceBy(Duration.ofSeconds(31))
        assertTrue(app.lock.isLocked)
        assertTrue(server.push("n2", "default").concealed)
    }

    @Test
    fun `turning the lock on and off changes what is there`() {
        LocalServer(this).push("n", "default")
        assertEquals(listOf("Approve", "Deny"), titles())
        val switch = open<SettingsActivity>().requireViewById<Switch>(R.id.app_lock)
        switch.performClick()
        awaitThat("no approving") { titles() == listOf("Deny") }
        assertEquals("nor what it is about", "demo", notice(RequestNotices.REQUEST)?.text())
        switch.performClick()
        awaitThat("approving again") { titles() == listOf("Approve", "Deny") }
    }

    @Test
    fun `a link and a request that are opened while the app is locked show nothing until it is not`() {
        val request = LocalServer(this).push("n", "default")
        app.settings.appLock = true
        val code = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example"
        val link = Intent(Intent.ACTION_VIEW, Uri.parse(code))
        for ((screen, text) in listOf(open<ConfirmActivity>(link) to "Example", open<RequestActivity>(RequestActivity.intent(app, request.id)) to "Login attempt")) {
            screen.awaitText("Locked")
            assertFalse("${screen.texts()}", screen.texts().any { text in it })
        }
        close()
        val screen = open<ConfirmActivity>(link)
        await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        screen.awaitText("Example")
        open<RequestActivity>(RequestActivity.intent(app, request.id)).awaitText("Login attempt from demo at Ping")
    }

    @Test
    fun `an answer that the vault could not take is told`() {
        Authenticator.open(File(app.noBackupFilesDir, "vault").path, VaultKey(app), null).close()
        FakeKeyStore.secrets.clear()
        shadowOf(app.service<UserManager>()).setUserUnlocked(false)
        press(AnswerReceiver.APPROVE, "a-request")
        val told = result()
        assertEquals("Not possible", told.notification.extras.getString("android.title"))
        assertEquals("The key store of this phone cannot be used now. Unlock the phone and try again.", told.text())
    }

    @Test
    @Config(shadows = [RecordedNotices::class])
    fun `the first start on a locked phone shows nothing of the requests that are here already`() {
        LocalServer(this).push("n", "default")
        awaitThat("shown with its message") { "Login attempt from demo at Ping" in RecordedNotices.texts }
        // The process has been killed since.
        ReflectionHelpers.setField(app, "opened", null)
        ReflectionHelpers.setField(app, "notices\$delegate", lazy { RequestNotices(app, app.settings) })
        RecordedNotices.texts.clear()
        keyguard.setIsDeviceLocked(true)
        phone { pending() }
        awaitThat("shown without it") { "demo" in RecordedNotices.texts }
        assertEquals(setOf("demo"), RecordedNotices.texts.toSet())
    }

    @Test
    fun `a vault that cannot be read for once is followed afterwards`() {
        var times = 0
        val changes = flow {
            times++
            emit(times)
            if (times == 1) throw AuthenticatorException.Vault("vault-busy", "Try again.")
            emit(times)
        }
        assertEquals(listOf(1, 2, 2), runBlocking { changes.again(1.milliseconds).take(3).toList() })
        assertThrows(IllegalStateException::class.java) { runBlocking { flow<Int> { error("a bug") }.again(1.milliseconds).toList() } }
    }
}

/** Records the text of everything that was ever shown. */
@Implements(NotificationManager::class)
class RecordedNotices : ShadowNotificationManager() {
    @Implementation
    public override fun notify(tag: String?, id: Int, notification: Notification) {
        texts += notification.extras.getString("android.text").orEmpty()
        super.notify(tag, id, notification)
    }

    companion object {
        val texts = CopyOnWriteArrayList<String>()
    }
}
