package org.pushauthenticator

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue

/** One-time passwords at times that the test sets: those of RFC 6238 and of RFC 4226. */
fun Steps.codes(phone: Phone) {
    val cases = vectors("codes")
    for (algorithm in CodeAlgorithm.entries) step("codes by time with $algorithm are RFC 6238's") {
        val timed = cases.filter { it["algorithm"].asText() == algorithm.name && it.has("time") }
        assertTrue(timed.size >= 6)
        val settings = CodeSettings(algorithm, 8u, CodeMoving.Time(30u))
        val secret = base32(unhex(timed.first()["secret"].asText()))
        val account = phone.core.enrolEntry(ManualEntry("Acme", algorithm.name, secret, settings), enrolment())
        for (case in timed) {
            phone.now = case["time"].asLong() * 1000
            val code = phone.core.code(account.id)
            assertEquals(case["code"].asText(), code.code, case["name"].asText())
            val next = oneTimeCode(unhex(case["secret"].asText()), algorithm.name, 8, case["time"].asLong() / 30 + 1)
            assertEquals(next, (code.validity as CodeValidity.Timed).next)
        }
        phone.now = Phone.NOON
    }
    step("a code by time says what is left of it, to the millisecond") {
        val account = phone.core.accounts().first()
        phone.now = Phone.NOON + 29_400
        assertEquals(600uL, (phone.core.code(account.id).validity as CodeValidity.Timed).remainingMilliseconds)
        phone.now = Phone.NOON
    }
    step("codes by counter are RFC 4226's, each shown once") {
        val counted = cases.filter { it.has("counter") }.sortedBy { it["counter"].asInt() }
        val secret = base32(unhex(counted.first()["secret"].asText()))
        val settings = CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Counter(0u))
        val account = phone.core.enrolEntry(ManualEntry("Acme", "counted", secret, settings), enrolment())
        assertEquals(10, counted.size)
        for (case in counted) assertEquals(case["code"].asText(), phone.core.code(account.id).code)
    }
    step("every registration code under tests/vectors/uris is read, or rejected for its reason") {
        val uris = vectors("uris")
        assertTrue(uris.count { !it["accepted"].asBoolean() } > 50)
        for (case in uris) {
            val read = { phone.core.preview(case["input"].asText()) }
            if (case["accepted"].asBoolean()) {
                assertEquals(case["expected"]["account"].asText(), read().account, case["name"].asText())
            } else {
                assertEquals(case["error"].asText(), refusal { read() }, case["name"].asText())
            }
        }
    }
}
