package org.pushauthenticator

import com.fasterxml.jackson.databind.JsonNode
import java.util.Base64
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** Every case under tests/vectors/uris: what the preview shows, and what is signed and sent after confirmation. */
class RegistrationVectorsTest {
    private val cases = vectors("uris")

    @Test
    fun theCasesAreThere() {
        assertTrue(cases.count { it["accepted"].asBoolean() } > 50 && cases.count { !it["accepted"].asBoolean() } > 50)
    }

    @TestFactory
    fun registrationCodes(): List<DynamicTest> = cases.map { case ->
        DynamicTest.dynamicTest(case["name"].asText()) {
            openCore().use { core ->
                val read = { core.preview(case["input"].asText()) }
                if (case["accepted"].asBoolean()) {
                    check(core, case["input"].asText(), read(), case["expected"])
                } else {
                    assertEquals(case["error"].asText(), refusal { read() })
                    assertEquals(emptyList<Account>(), core.accounts())
                }
            }
        }
    }

    private fun check(core: Authenticator, code: String, details: EnrolmentPreview, expected: JsonNode) {
        assertEquals(expected["issuer"].asText(), details.issuer)
        assertEquals(expected["account"].asText(), details.account)
        assertEquals(expected["host"].textOrNull(), details.host)
        assertEquals(expected["kinds"].texts(), details.kinds.map { it.name.lowercase() })
        assertEquals(expected["colour"].textOrNull(), details.colour)
        assertEquals(expected["logo"].textOrNull(), details.logo)
        assertEquals(expected["policies"].texts(), details.policies)
        val oath = expected["oath"]
        assertEquals(oath.isNull, details.codes == null)
        details.codes?.let { codes ->
            assertEquals(oath["algorithm"].asText(), codes.algorithm.name)
            assertEquals(oath["digits"].asInt(), codes.digits.toInt())
            val moving = when {
                oath["counter"].isNull -> CodeMoving.Time(oath["period"].asInt().toUInt())
                else -> CodeMoving.Counter(oath["counter"].asText().toULong())
            }
            assertEquals(moving, codes.moving)
        }

        val account = core.enrol(code, enrolment(), null)
        assertEquals(listOf(account), core.accounts())
        assertEquals(details.kinds, account.kinds)
        assertEquals(listOf(details.colour, details.logo), listOf(account.colour, account.logo))
        val push = expected["push"]
        if (push.isNull) assertEquals(0, core.due().size) else checkRegistration(core.due().single(), push)
        if (!oath.isNull) checkCode(core, account, oath)
    }

    private fun checkRegistration(request: HttpRequest, push: JsonNode) {
        assertEquals(RequestKind.REGISTRATION, request.kind)
        assertEquals(push["registration_endpoint"].asText(), request.url)
        assertEquals(push["cookie"].textOrNull(), request.headers.find { it.name == "Cookie" }?.value)
        val body = json.readTree(request.body)
        assertEquals(push["message_id"].asText(), body["messageId"].asText())
        val secret = unhex(push["secret"].asText())
        val claims = claims(body["jwt"].asText(), secret)
        val response = hmac("HmacSHA256", secret, unhex(push["challenge"].asText()))
        assertEquals(Base64.getEncoder().encodeToString(response), claims["response"].asText())
        assertEquals("token-0123456789", claims["deviceId"].asText())
    }

    private fun checkCode(core: Authenticator, account: Account, oath: JsonNode) {
        fun expected(moved: Long) =
            oneTimeCode(unhex(oath["secret"].asText()), oath["algorithm"].asText(), oath["digits"].asInt(), moved)
        if (oath["counter"].isNull) {
            val period = { System.currentTimeMillis() / 1000 / oath["period"].asLong() }
            val before = period()
            val code = core.code(account.id)
            // The period may end in between.
            assertTrue(code.code in (before..period()).map(::expected), "$code")
            assertTrue((code.validity as CodeValidity.Timed).next in (before..period()).map { expected(it + 1) })
        } else if (oath["counter"].asLong() == Long.MAX_VALUE) {
            assertEquals("counter-exhausted", refusal { core.code(account.id) })
        } else {
            assertEquals(expected(oath["counter"].asLong()), core.code(account.id).code)
            assertEquals(expected(oath["counter"].asLong() + 1), core.code(account.id).code)
        }
    }
}
