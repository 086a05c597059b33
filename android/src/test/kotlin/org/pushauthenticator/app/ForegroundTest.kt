package org.pushauthenticator.app

import android.app.job.JobScheduler
import java.net.InetAddress
import java.net.ServerSocket
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.messages.Messages
import org.pushauthenticator.app.screens.AccountsActivity

/** Which HTTP requests servers receive while a screen is shown. */
class ForegroundTest : AppTest() {
    private var running: HeldServer? = null
    private val server get() = running!!

    @After
    fun stopServer() {
        running?.close()
    }

    private fun serve(pulls: Pair<Int, String>) {
        running = HeldServer(pulls = pulls)
        LocalServer(this, host = server.host, scheme = "http")
    }

    @Test
    fun `a server that answers at once, as while a request is unanswered, is asked again after a pause`() {
        serve(200 to """{"messages":[]}""")
        open<AccountsActivity>()
        awaitThat("the first pull") { server.count(HeldServer.PULL) > 0 }
        val end = System.nanoTime() + 2_000_000_000
        while (System.nanoTime() < end) assertTrue("${server.taken.size} in two seconds", server.count(HeldServer.PULL) <= 2)
    }

    @Test
    fun `a server that lists nothing is asked once, until the next start`() {
        serve(404 to "{}")
        open<AccountsActivity>()
        awaitThat("the first pull") { server.count(HeldServer.PULL) == 1 }
        close()
        repeat(3) { runBlocking { DeliveryJob.run(app, networkIsBack = false) } }
        open<AccountsActivity>().awaitText("Ping")
        runBlocking { app.core().courier.awaitIdle() }
        assertEquals(1, server.count(HeldServer.PULL))
    }

    @Test
    fun `a hint whose server says nothing is given up in time, and left to the job`() {
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
            val local = LocalServer(this, host = "127.0.0.1:${silent.localPort}", scheme = "http")
            val begun = System.nanoTime()
            assertNull(runBlocking { Messages(app).take(local.hint("n"), 1.seconds) })
            assertTrue("longer than it was given", System.nanoTime() - begun < 10_000_000_000)
            assertNotNull(app.service<JobScheduler>().getPendingJob(DeliveryJob.SOON))
        }
    }
}
