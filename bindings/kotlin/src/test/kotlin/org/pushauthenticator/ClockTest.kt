package org.pushauthenticator

import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** A phone whose clock differs from its server's. */
class ClockTest {
    @TestFactory
    fun `a request ends by the phone's own clock, which an app compares it with`(): List<DynamicTest> =
        listOf(-FIVE_MINUTES, 0L, FIVE_MINUTES).map { off ->
            DynamicTest.dynamicTest("$off milliseconds") {
                openCore().use { core ->
                    val servers = System.currentTimeMillis() + off
                    val server = Registered(core, date = date(servers / 1000))
                    val request = core.receiveMessage("message", server.message(1, "i" to "$servers"))
                    assertEquals(servers, request.sentAt)
                    val left = request.expiresAt - System.currentTimeMillis()
                    // Allows for a loaded machine, and for a date in whole seconds.
                    assertTrue(abs(left - LASTS) <= 15_000, "$left milliseconds left")
                    assertEquals(listOf(request), core.pending())
                }
            }
        }

    private companion object {
        const val FIVE_MINUTES = 300_000L
        const val LASTS = 120_000L
    }
}
