package org.pushauthenticator

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** Every case under tests/vectors/codes: RFC 4226 and RFC 6238, through accounts as an app has them. */
class CodeVectorsTest {
    private val cases = vectors("codes")

    @Test
    fun theCasesAreThere() {
        assertEquals(28, cases.size)
    }

    @TestFactory
    fun codes(): List<DynamicTest> = cases.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) {
            openCore().use { core ->
                val secret = base32(unhex(case["secret"].asText()))
                val digits = case["digits"].asInt()
                val account = if (case.has("counter")) {
                    val settings = CodeSettings(
                        CodeAlgorithm.SHA1, digits.toUByte(), CodeMoving.Counter(case["counter"].asLong().toULong()),
                    )
                    val entry = ManualEntry("Acme", "demo", secret, settings)
                    assertEquals(settings, core.previewEntry(entry).codes)
                    core.enrolEntry(entry, enrolment())
                } else {
                    // The server's clock is at the case's time, shortly after the start of its period.
                    val period = case["period"].asLong()
                    val more = "&secret=$secret&algorithm=${case["algorithm"].asText()}&digits=$digits&period=$period"
                    val time = case["time"].asLong() / period * period + 5
                    Registered(core, registrationCode(scheme = "mfauth://totp", more = more), date(time)).account
                }
                assertEquals(case["code"].asText(), core.code(account.id).code)
            }
        }
    }
}
