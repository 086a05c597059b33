package org.pushauthenticator.app

import android.app.NotificationManager
import android.app.job.JobScheduler
import android.view.View
import android.widget.Button
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Notification
import org.pushauthenticator.NotificationState
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.messages.RequestNotices
import org.pushauthenticator.app.screens.RequestActivity

/**
 * Answers whose screen is left, rotated or reopened while the server delays its response, and answers that the core
 * rejects.
 */
class AnswersTest : AppTest() {
    private var running: HeldServer? = null
    private val server get() = running!!

    @After
    fun stopServer() {
        running?.close()
    }

    /** Adds an account whose server responds only when told to. */
    private fun held(status: Int = 200): LocalServer {
        running = HeldServer(status)
        return LocalServer(this, host = server.host, scheme = "http")
    }

    private fun show(request: Notification) =
        open<RequestActivity>(RequestActivity.intent(app, request.id)).also { it.awaitText("Deny") }

    private fun RequestActivity.approve() {
        val before = server.count(HeldServer.ANSWER)
        tap(R.id.approve)
        awaitThat("the answer is out") { server.count(HeldServer.ANSWER) > before }
    }

    private fun state(request: Notification) = phone { notification(request.id) }.state
    private fun told(request: Notification) = app.service<NotificationManager>().activeNotifications
        .find { it.id == RequestNotices.RESULT && it.tag == request.id }?.notification?.extras?.getString("android.title")

    private fun soon() = app.service<JobScheduler>().getPendingJob(DeliveryJob.SOON)

    @Test
    fun `an answer goes on when its screen is left, and what came of it is told`() {
        val request = held().push("n", "default")
        show(request).approve()
        close()
        assertEquals(NotificationState.ANSWERING, state(request))
        assertNotNull("the job keeps the process", soon())
        server.release()
        awaitThat("approved") { state(request) == NotificationState.APPROVED }
        awaitThat("told") { told(request) == "Approved" }
        assertEquals("sent once", 1, server.count(HeldServer.ANSWER))
        assertEquals(0, phone { outbox() }.size)
    }

    @Test
    fun `an answer that the server refuses after its screen was left is told`() {
        val request = held(status = 400).push("n", "default")
        show(request).approve()
        close()
        server.release()
        awaitThat("told") { told(request) == "Refused by the server" }
        assertEquals(NotificationState.FAILED, phone { history(1u, 0u) }.single().state)
    }

    @Test
    fun `a screen that is made anew while its answer is out says what comes of it, and nothing else does`() {
        val request = held().push("n", "default")
        val first = show(request)
        first.approve()
        val second = again(first)
        second.awaitText("Being answered")
        second.awaitText("Your answer is on its way")
        assertFalse("${second.texts()}", second.texts().any { "cannot be answered" in it })
        server.release()
        second.awaitText("Approved")
        second.awaitText("The sign-on goes on by itself.")
        again(second).awaitText("The sign-on goes on by itself.")
        assertNull("it is on the screen", told(request))
        assertNull("nobody left", soon())
        assertEquals(1, server.count(HeldServer.ANSWER))
    }

    @Test
    fun `two answers are on their way at once, and one screen's end does not end the other's`() {
        val local = held()
        val first = local.push("n1", "default")
        val second = local.push("n2", "default")
        show(first).run {
            approve()
            finish()
        }
        val screen = show(second)
        screen.tap(R.id.deny)
        awaitThat("both are out") { server.count(HeldServer.ANSWER) == 2 }
        server.release()
        screen.awaitText("Denied")
        awaitThat("the first one, too") { state(first) == NotificationState.APPROVED }
        assertEquals(2, server.count(HeldServer.ANSWER))
    }

    @Test
    fun `what was not sent yet says so until it was sent, on the screen that stays and on one that is opened anew`() {
        val local = LocalServer(this)
        val request = local.push("n", "default")
        val screen = show(request)
        screen.tap(R.id.approve)
        screen.awaitText("Not sent yet")
        val second = open<RequestActivity>(RequestActivity.intent(app, request.id))
        second.awaitText("Being answered")
        local.settleAll()
        screen.awaitText("The sign-on goes on by itself.")
        second.awaitText("Approved")
        assertFalse(screen.texts().any { "Not sent yet" in it })
    }

    @Test
    fun `what is refused on this phone leaves the request and its buttons`() {
        val request = LocalServer(this).push("n", "default")
        keyguard.setIsDeviceLocked(true)
        val screen = show(request)
        screen.tap(R.id.approve)
        awaitThat("another try") { screen.requireViewById<Button>(R.id.approve).isEnabled }
        screen.awaitText("Unlock the phone and this app")
        assertTrue(screen.requireViewById<View>(R.id.deny).isShown)
        assertEquals(NotificationState.PENDING, state(request))
        screen.tap(R.id.deny)
        screen.awaitText("Not sent yet")
    }

    @Test
    fun `a request that was answered elsewhere meanwhile says what came of that`() {
        val local = LocalServer(this)
        val request = local.push("n", "default")
        val screen = show(request)
        phone { deny(request.id) }
        local.settleAll()
        screen.awaitText("Denied")
        assertNull(screen.findViewById(R.id.approve))
    }
}
