package org.pushauthenticator.app

import android.app.job.JobParameters
import android.os.UserManager
import java.io.File
import java.net.ServerSocket
import java.net.Socket
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Authenticator
import org.pushauthenticator.app.keys.VaultKey
import org.pushauthenticator.app.messages.DeliveryJob
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadow.api.Shadow
import org.robolectric.util.ReflectionHelpers

/** The job as the system runs it: started, finished or rescheduled, and stopped in the middle. */
class DeliveryJobTest : AppTest() {
    private val job = Robolectric.buildService(DeliveryJob::class.java).create()
    private val service get() = job.get()

    /** The system's object, which apps cannot construct. */
    private fun parameters(id: Int) = Shadow.newInstanceOf(JobParameters::class.java).also { ReflectionHelpers.setField(it, "jobId", id) }

    private fun start(id: Int) = parameters(id).also { assertTrue("it goes on after the start", service.onStartJob(it)) }

    private val again get() = shadowOf(service).isRescheduleNeeded

    private fun awaitEnd() = awaitThat("the end of the job") { shadowOf(service).isJobFinished }

    @Test
    fun `with nothing left to send the job is done`() {
        addCodes()
        start(DeliveryJob.SOON)
        awaitEnd()
        assertFalse(again)
    }

    @Test
    fun `an answer that cannot be sent has the job done again, the periodic one waits for its time`() {
        val server = LocalServer(this)
        val request = server.push("n", "default")
        phone { deny(request.id) }
        start(DeliveryJob.SOON)
        awaitEnd()
        assertTrue(again)
        val attempts = phone { outbox() }.single().attempts
        assertTrue("it was tried", attempts > 0u)

        job.destroy()
        val periodic = Robolectric.buildService(DeliveryJob::class.java).create().get()
        periodic.onStartJob(parameters(DeliveryJob.PERIODIC))
        awaitThat("the end of the periodic job") { shadowOf(periodic).isJobFinished }
        assertFalse(shadowOf(periodic).isRescheduleNeeded)
        assertEquals(1, phone { outbox() }.size)
    }

    @Test
    fun `a vault that cannot be opened has the job done again`() {
        Authenticator.open(File(app.noBackupFilesDir, "vault").path, VaultKey(app), null).close()
        FakeKeyStore.secrets.clear()
        shadowOf(app.service<UserManager>()).setUserUnlocked(false)
        start(DeliveryJob.SOON)
        awaitEnd()
        assertTrue(again)
    }

    @Test
    fun `a job that is stopped gives its request up, is done again later, and does not say it is finished`() {
        // A server that accepts the connection and says nothing.
        ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress()).use { silent ->
            val server = LocalServer(this, host = "127.0.0.1:${silent.localPort}", scheme = "http")
            val request = server.push("n", "default")
            phone { deny(request.id) }
            val started = start(DeliveryJob.SOON)
            silent.soTimeout = 20_000
            val connection: Socket = silent.accept().apply { soTimeout = 20_000 }
            assertTrue("the system is to come back", service.onStopJob(started))
            awaitThat("the courier is idle") { phone { outbox() }.single().attempts == 1u }
            connection.use { while (it.getInputStream().read() >= 0) Unit }
            assertFalse("nobody waits for that any more", shadowOf(service).isJobFinished)
            assertEquals("the answer is kept", 1, phone { outbox() }.size)
        }
    }
}
