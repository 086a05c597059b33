package org.pushauthenticator.app

import org.junit.After
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.app.screens.AccountsActivity

/** What is asked of servers while a screen is shown. */
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
}
