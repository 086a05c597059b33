package org.pushauthenticator.app

import android.app.NotificationManager
import android.app.job.JobScheduler
import android.content.Intent
import android.net.Uri
import android.view.View
import android.widget.Button
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Test
import org.pushauthenticator.AccountState
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.messages.RequestNotices
import org.pushauthenticator.app.screens.ConfirmActivity

/** Registrations whose screen is left or recreated while the server delays its response. */
class RegistrationsTest : AppTest() {
    private lateinit var server: HeldServer

    @After
    fun stopServer() = server.close()

    private fun link(keyed: Boolean = false): Intent {
        val code = LocalServer.code(server.host, "frank", "http") + if (keyed) "&v=2" else ""
        return Intent(Intent.ACTION_VIEW, Uri.parse(code))
    }

    /** Confirms; afterwards the registration is at the server. */
    private fun confirm(status: Int = 200, keyed: Boolean = false): ConfirmActivity {
        server = HeldServer(status)
        val screen = open<ConfirmActivity>(link(keyed))
        screen.awaitText(server.host)
        screen.tap(R.id.add)
        if (keyed) await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        awaitThat("the registration is out") { server.count(HeldServer.REGISTRATION) == 1 }
        return screen
    }

    private fun told() = app.service<NotificationManager>().activeNotifications
        .find { it.id == RequestNotices.REGISTRATION }?.notification?.extras?.run { getString("android.title") to getString("android.text") }

    private fun soon() = app.service<JobScheduler>().getPendingJob(DeliveryJob.SOON)

    @Test
    fun `a registration goes on when its screen is left, and its end is told`() {
        confirm()
        close()
        assertEquals(AccountState.ENROLLING, phone { accounts() }.single().state)
        assertNotNull("the job keeps the process", soon())
        server.release()
        awaitThat("told") { told() == "Account added" to "Sign-on requests for it come to this phone now." }
        assertEquals(AccountState.ACTIVE, phone { accounts() }.single().state)
        assertEquals(1, server.count(HeldServer.REGISTRATION))
    }

    @Test
    fun `a registration that is refused after its screen was left is told, and leaves no key`() {
        confirm(status = 400, keyed = true)
        assertEquals(1, FakeKeyStore.signing.size)
        close()
        server.release()
        awaitThat("told") { told()?.first == "The server refused" }
        assertEquals(0 to 0, phone { accounts() }.size to FakeKeyStore.signing.size)
    }

    @Test
    fun `a screen that is made anew while its account is added shows the end of that, and asks nothing`() {
        val first = confirm()
        val second = again(first)
        second.awaitText("The account is being added.")
        assertFalse("nothing to replace", second.requireViewById<View>(R.id.add).isShown)
        server.release()
        second.awaitText("Account added")
        assertNull("it is on the screen", told())
        assertEquals(1, server.count(HeldServer.REGISTRATION))
    }

    @Test
    fun `a screen that comes back while it adds an account offers no replacement of that`() {
        val screen = confirm()
        returned(screen)
        // By then, any calls of the core that it would have made meanwhile are done.
        repeat(20) { phone { accounts() }; awaitThat("a turn") { true } }
        val add = screen.requireViewById<Button>(R.id.add)
        assertEquals("Add account" to false, add.text.toString() to add.isEnabled)
        server.release()
        screen.awaitText("Account added")
    }

    @Test
    fun `a preview that comes after the result changes nothing`() {
        server = HeldServer()
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example")))
        screen.awaitText("Example")
        screen.requireViewById<View>(R.id.add).performClick()
        returned(screen)
        screen.awaitText("Account added")
        awaitThat("it stays") { screen.findViewById<View>(R.id.add) == null && "Account added" in screen.texts() }
    }
}
