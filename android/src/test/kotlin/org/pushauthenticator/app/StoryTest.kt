package org.pushauthenticator.app

import android.app.NotificationManager
import android.app.job.JobScheduler
import android.content.Intent
import android.net.Uri
import android.service.notification.StatusBarNotification
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import kotlinx.coroutines.runBlocking
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.NotificationState
import org.pushauthenticator.app.messages.AnswerReceiver
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.messages.Messages
import org.pushauthenticator.app.messages.RequestNotices
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.robolectric.Shadows.shadowOf

/**
 * Complete sign-ons: this app's screens, receivers and jobs, the real core, the real server as a process, HTTP between
 * them.
 */
class StoryTest : AppTest() {
    private lateinit var server: Server

    @After
    fun stopServer() = server.close()

    /** Opens the link on the server's page, confirms, and returns the step that waits for the first push. */
    private fun enrol(pushType: String = "CHALLENGE"): JSONObject {
        server = Server(pushType)
        val (step, code) = server.offer()
        confirm(code)
        return server.registered(step)
    }

    private fun confirm(code: String) {
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        screen.awaitText(server.address)
        screen.tap(R.id.add)
        screen.awaitText("Account added")
        screen.tap(R.id.done)
    }

    private val notices get() = app.service<NotificationManager>()
    private fun notice(id: Int = RequestNotices.REQUEST): StatusBarNotification? = notices.activeNotifications.find { it.id == id }

    private fun fetch(networkIsBack: Boolean = false) = runBlocking { DeliveryJob.run(app, networkIsBack) }

    /** Opens the notification's screen. */
    private fun request(): RequestActivity {
        fetch()
        val notice = await("a notification") { notice() }
        val intent = shadowOf(notice.notification.contentIntent).savedIntent
        return open<RequestActivity>(intent).also { it.awaitText("Deny") }
    }

    private fun RequestActivity.number(number: String) {
        val row = requireViewById<ViewGroup>(R.id.numbers)
        val buttons = (0 until row.childCount).map { row.getChildAt(it) as Button }
        assertEquals(3, buttons.size)
        buttons.single { it.text == number }.performClick()
    }

    @Test
    fun `enrolled by a link, notified by the job, approved with the number`() {
        val waiting = enrol()
        val screen = request()
        val texts = screen.texts()
        assertTrue("$texts", "Ping" in texts && "alice" in texts && server.address in texts && texts.any { "127.0.0.1" in it })
        screen.number(Server.hiddenValue(waiting)!!)
        screen.awaitText("Approved")
        assertNotNull(server.next(waiting).optString("tokenId").ifEmpty { null })
        awaitThat("the notification is gone") { notice() == null }
        assertEquals(NotificationState.APPROVED, phone { history(1u, 0u) }.single().state)
    }

    @Test
    fun `a wrong number is refused by the server and the screen says so`() {
        val waiting = enrol()
        val screen = request()
        val row = screen.requireViewById<ViewGroup>(R.id.numbers)
        val wrong = (0 until row.childCount).map { (row.getChildAt(it) as Button).text.toString() }.first { it != Server.hiddenValue(waiting) }
        screen.number(wrong)
        screen.awaitText("Refused by the server")
    }

    @Test
    fun `denied on the screen`() {
        val waiting = enrol()
        val screen = request()
        screen.tap(R.id.deny)
        screen.awaitText("Denied")
        assertFalse("no session", server.post(waiting).second.has("tokenId"))
    }

    @Test
    fun `the notification is private, and its actions need the unlocked device`() {
        val waiting = enrol("DEFAULT")
        fetch()
        val notice = await("a notification") { notice() }.notification
        assertEquals(android.app.Notification.VISIBILITY_PRIVATE, notice.visibility)
        assertEquals("A sign-on waits for your answer", notice.publicVersion.extras.getString("android.title"))
        assertNull(notice.publicVersion.extras.getString("android.text"))
        assertEquals(listOf("Approve", "Deny"), notice.actions.map { it.title.toString() })
        assertTrue(notice.actions.all { it.isAuthenticationRequired })
        assertTrue(notice.actions.all { it.actionIntent.isImmutable })

        press(notice.actions[0].actionIntent)
        val told = await("the result") { notice(RequestNotices.RESULT) }
        assertEquals("Approved", told.notification.extras.getString("android.title"))
        assertTrue(server.next(waiting).has("tokenId"))
    }

    private fun press(action: android.app.PendingIntent) {
        AnswerReceiver().onReceive(app, shadowOf(action).savedIntent)
    }

    @Test
    fun `while the device is locked nothing is shown and nothing approved`() {
        enrol("DEFAULT")
        keyguard.setIsDeviceLocked(true)
        fetch()
        val notice = await("a notification") { notice() }.notification
        assertEquals("alice", notice.extras.getString("android.text"))
        press(notice.actions[0].actionIntent)
        val told = await("the result") { notice(RequestNotices.RESULT) }
        assertEquals("Unlock the phone and this app to see what this is about and to approve it.", told.notification.extras.getString("android.text"))
        assertEquals(1, phone { pending() }.size)
    }

    @Test
    fun `approved with a finger inside the prompt, not without it`() {
        val waiting = enrol("BIOMETRIC")
        val screen = request()
        screen.tap(R.id.approve)
        val prompt = await("a prompt") { ShadowBiometricPrompt.shown }
        assertNotNull("the prompt is about the key", prompt.crypto?.cipher)
        prompt.fail(android.hardware.biometrics.BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT, "Too many attempts")
        screen.awaitText("Too many attempts")
        ShadowBiometricPrompt.reset()
        screen.tap(R.id.approve)
        await("a second prompt") { ShadowBiometricPrompt.shown }.pass()
        screen.awaitText("Approved")
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `another finger ends the biometric, and adding the account again brings it back`() {
        enrol("BIOMETRIC")
        FakeKeyStore.invalidate(FakeKeyStore.biometric.single())
        val screen = request()
        screen.tap(R.id.approve)
        screen.awaitText("the key behind the biometric is gone")
        assertNull(ShadowBiometricPrompt.shown)
        assertFalse(phone { accounts() }.single().hasBiometricSlot)
        assertEquals("biometric-invalidated", phone { events(1u) }.single().kind)
        screen.tap(R.id.deny)
        screen.awaitText("Denied")

        // The first phone has never approved, so the server offers registration again.
        val (step, code) = server.offer()
        val again = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        again.awaitText("This account is on this phone already")
        again.tap(R.id.add)
        again.awaitText("Account added")
        assertTrue(phone { accounts() }.single().hasBiometricSlot)
        val waiting = server.registered(step)
        val second = request()
        ShadowBiometricPrompt.reset()
        second.tap(R.id.approve)
        await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        second.awaitText("Approved")
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `an answer without a network waits, and the job sends it`() {
        val waiting = enrol()
        val screen = request()
        server.stop()
        screen.number(Server.hiddenValue(waiting)!!)
        screen.awaitText("Not sent yet")
        val scheduler = app.service<JobScheduler>()
        val job = await("a job") { scheduler.getPendingJob(DeliveryJob.SOON) }
        @Suppress("DEPRECATION")
        assertEquals(android.app.job.JobInfo.NETWORK_TYPE_ANY, job.networkType)
        server.start()
        assertFalse("nothing is left", fetch(networkIsBack = true))
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `a push is taken in by the entry point, a forged one is not`() {
        val waiting = enrol()
        val messages = Messages(app)
        val forged = """{"messageId":"AUTHENTICATE:1","message":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ1IjoiMSJ9.AAAA"}"""
        for (payload in listOf(forged, "", "{", "[]", "x".repeat(200_000), "\u0000")) {
            assertNull(runBlocking { messages.take(payload.toByteArray()) })
        }
        assertNull(notice())

        // What a push service would deliver, fetched here behind the phone's back.
        val pull = phone { pull(10u) }.single()
        val listed = runBlocking {
            org.pushauthenticator.UrlConnectionTransport().post(org.pushauthenticator.HttpPost(pull.url, pull.headers, pull.body))
        }
        val message = JSONObject(String(listed.body)).getJSONArray("messages").getJSONObject(0)
        val push = JSONObject().put("messageId", message["messageId"]).put("message", message["message"])
        val id = runBlocking { messages.take(JSONObject().put("data", push).toString().toByteArray()) }
        assertEquals(id, await("a notification") { notice() }.tag)
        open<RequestActivity>(RequestActivity.intent(app, id!!)).run {
            awaitText("Deny")
            number(Server.hiddenValue(waiting)!!)
            awaitText("Approved")
        }
    }

    @Test
    fun `a hint has the entry point fetch the request`() {
        val waiting = enrol()
        val messages = Messages(app)
        // What a push service would deliver: the two ids, obtained here behind the phone's back.
        val pull = phone { pull(10u) }.single()
        val listed = runBlocking {
            org.pushauthenticator.UrlConnectionTransport().post(org.pushauthenticator.HttpPost(pull.url, pull.headers, pull.body))
        }
        val message = JSONObject(String(listed.body)).getJSONArray("messages").getJSONObject(0)["messageId"]
        val mechanism = JSONObject(String(pull.body))["mechanismUid"]
        val hint = JSONObject().put("messageId", message).put("mechanismUid", mechanism)
        for (other in listOf(JSONObject(hint.toString()).put("mechanismUid", "another"), JSONObject(hint.toString()).put("messageId", ""))) {
            assertNull(runBlocking { messages.take(other.toString().toByteArray()) })
        }
        val id = runBlocking { messages.take(JSONObject().put("data", hint).toString().toByteArray()) }
        assertEquals(id, await("a notification") { notice() }.tag)
        assertEquals(id, runBlocking { messages.take(hint.toString().toByteArray()) })
        open<RequestActivity>(RequestActivity.intent(app, id!!)).run {
            awaitText("Deny")
            number(Server.hiddenValue(waiting)!!)
            awaitText("Approved")
        }
    }

    @Test
    fun `a token of a push service reaches the server`() {
        enrol()
        val token = "fcm-token-0123456789"
        runBlocking { Messages(app).moved(token, org.pushauthenticator.CommunicationType.GCM) }
        assertEquals(token, app.settings.pushToken)
        // The screen that was open also sends.
        awaitThat("the server has it") { phone { pushTokens() }.single().state == org.pushauthenticator.PushTokenState.CURRENT }
    }

    @Test
    fun `a request that is over says so`() {
        enrol()
        val screen = request()
        val id = phone { pending() }.single().id
        screen.tap(R.id.deny)
        screen.awaitText("Denied")
        val late = open<RequestActivity>(RequestActivity.intent(app, id))
        late.awaitText("cannot be answered any more")
        assertNull(late.findViewById<TextView>(R.id.deny))
    }
}
