package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * Every case under tests/vectors/arrivals, given to a copy of the vault of tests/vectors/messages: pushes as platforms
 * deliver them, one after the other. The phone's clock here is the system's, which no test sets; the tests set the
 * server's time, in whole seconds, from which the phone continues counting. [EARLIER] and [WAITED_FOR] name the cases
 * that this affects.
 */
class ArrivalVectorsTest {
    private val cases = vectors("arrivals")

    @Test
    fun theCasesAreThere() {
        assertTrue(cases.size >= 44, "${cases.size}")
        assertTrue(cases.count { case -> case["steps"].any { !it["accepted"].asBoolean() } } > 25)
        for ((name, step) in EARLIER + WAITED_FOR) {
            val found = cases.single { it["name"].asText() == name }["steps"]
            assertTrue(step < found.size(), "$name has no step $step")
        }
    }

    @TestFactory
    fun arrivals(): List<DynamicTest> = cases.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) { openMessagesVault().use { core -> deliver(core, case) } }
    }

    private fun deliver(core: Authenticator, case: JsonNode) {
        val name = case["name"].asText()
        val arrived = mutableListOf<Notification?>()
        for ((number, step) in case["steps"].withIndex()) {
            val payload = if (WAITED_FOR.any { it.first == name }) shortLived(step["payload"].asText()) else step["payload"].asText()
            if (name to number in WAITED_FOR) {
                waitFor(arrived.last()!!.receivedAt + SHORT_LIFE)
            } else {
                setServerTime(core, (step["at"].asLong() + 999) / 1000 - if (name to number in EARLIER) MARGIN else 0)
            }
            if (step["accepted"].asBoolean()) {
                val notification = (core.receive(payload.toByteArray()) as Received.Message).notification
                val expected = step["expected"]
                assertEquals(expected["state"].asText(), notification.state.name.lowercase(), "$name, step $number")
                val sameAs = arrived.indexOfFirst { it?.id == notification.id }.takeIf { it >= 0 }
                assertEquals(expected["same_as"].takeUnless { it.isNull }?.asInt(), sameAs, "$name, step $number")
                arrived += notification
            } else {
                assertEquals(step["error"].asText(), refusal { core.receive(payload.toByteArray()) }, "$name, step $number")
                arrived += null
            }
        }
        val stored = core.pending().map { it.id } + core.history(100u, 0u).map { it.id }
        assertEquals(arrived.mapNotNull { it?.id }.toSet(), stored.toSet(), "$name: what is refused leaves nothing")
    }

    /** The payload with its message re-signed, valid for a second instead of two minutes. */
    private fun shortLived(payload: String): String {
        val secret = unhex(vectors("messages").first()["secret"].asText())
        val message = json.readTree(payload)["message"].asText()
        val claims = (claims(message, secret) as ObjectNode).put("t", "${SHORT_LIFE / 1000}")
        @Suppress("UNCHECKED_CAST")
        return payload.replace(message, sign(json.treeToValue(claims, Map::class.java) as Map<String, Any?>, secret))
    }

    /** Waits until the phone's clock is past this time. */
    private fun waitFor(time: Long) {
        while (System.currentTimeMillis() <= time) Thread.sleep(time - System.currentTimeMillis() + 1)
    }

    private companion object {
        /** In seconds: more than passes between setting a clock and reading it. */
        const val MARGIN = 30

        /** In milliseconds: how long after its arrival a message of [WAITED_FOR] can be answered. */
        const val SHORT_LIFE = 1000L

        /**
         * Steps whose clock is a millisecond or less before a limit, which would pass in the meantime: run [MARGIN]
         * before it. Beyond the limit, passing time changes nothing.
         */
        val EARLIER = setOf("late-by-a-minute" to 0, "late-leaves-nothing" to 1, "future-by-more" to 0, "future-leaves-nothing" to 0)

        /**
         * Steps with messages that count from their arrival, by the phone's own clock only: the test waits instead of
         * setting the clock.
         */
        val WAITED_FOR = setOf("ended-without-time" to 1, "id-from-the-future" to 1)
    }
}
