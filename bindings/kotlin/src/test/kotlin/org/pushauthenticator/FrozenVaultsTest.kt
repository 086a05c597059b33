package org.pushauthenticator

import java.nio.file.Files
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/**
 * Vaults written by earlier versions of the code (tests/vectors/vault/README.md), opened from Kotlin on a copy, with
 * everything they contain.
 */
class FrozenVaultsTest {
    private fun open(version: Int, keys: PlatformKeys = TestKeys()): Authenticator {
        val file = folder().resolve("vault")
        Files.copy(repository.resolve("tests/vectors/vault/version-$version.sqlite"), file)
        return openCore(file, keys).also { it.setDeviceFacts(DeviceFacts(true, 0.0)) }
    }

    private fun mechanism(core: Authenticator, account: Account): String {
        val pull = core.pull(0u).single { it.accountId == account.id }
        return json.readTree(pull.body)["mechanismUid"].asText()
    }

    /** Message [number] as it was sent to a frozen account. */
    private fun message(mechanism: String, number: Int, vararg more: Pair<String, Any?>): String {
        val challenge = ByteArray(32) { number.toByte() }
        return sign(mapOf("u" to mechanism, "c" to java.util.Base64.getEncoder().encodeToString(challenge), "t" to "120") + more)
    }

    @TestFactory
    fun `each opens with its accounts, requests, answers and codes`(): List<DynamicTest> = (1..5).map { version ->
        DynamicTest.dynamicTest("version $version") {
            open(version).use { core ->
                val accounts = core.accounts()
                val names = listOf("demo", "ada") + listOfNotNull("keyed".takeIf { version >= 4 }, "codes".takeIf { version >= 2 })
                assertEquals(names.toSet(), accounts.map { it.account }.toSet())
                assertTrue(accounts.all { it.state == AccountState.ACTIVE }, "$accounts")
                val demo = accounts.single { it.account == "demo" }
                assertEquals(listOf("biometricAvailable") to true, demo.policies to demo.hasBiometricSlot)

                // The servers' clocks are where they were then, so nothing is too late.
                val clock = HttpResponse(400u, date(FROZEN_AT), """{"code":400,"reason":"Bad Request","message":"clock"}""".toByteArray())
                core.pull(0u).forEach { assertEquals(Pulled.AskAgain, core.pulled(it, clock)) }
                val answer = core.due().single()
                assertEquals(RequestKind.ANSWER, answer.kind)
                assertTrue(claims(json.readTree(answer.body)["jwt"].asText())["deny"].asBoolean())
                core.delivered(answer.id, HttpResponse(200u, date(FROZEN_AT), "{}".toByteArray()))
                assertEquals(setOf(NotificationState.APPROVED, NotificationState.DENIED), core.history(10u, 0u).map { it.state }.toSet())
                val pending = core.pending().single()
                assertEquals(Ask.Number(listOf("34", "43", "57")), pending.ask)
                core.approve(pending.id, Evidence.Number("43"))

                val biometric = core.receiveMessage("later", message(mechanism(core, demo), 9, "k" to "biometric"))
                core.approve(biometric.id, Evidence.Biometric(Finger.touch(core.biometricChallenge(biometric.id))))
                assertEquals("replayed", refusal { core.receiveMessage("again", message(mechanism(core, demo), 2)) })

                accounts.find { it.account == "codes" }?.let { codes ->
                    assertEquals("my codes", codes.displayName)
                    // RFC 4226, appendix D: the first value was used.
                    assertEquals("287082", core.code(codes.id).code)
                }
                accounts.find { it.account == "keyed" }?.let { keyed ->
                    assertEquals(KeyLevel.SOFTWARE to true, keyed.key?.run { level to isSoftware })
                    val pull = core.pull(0u).single { it.accountId == keyed.id }
                    val request = core.receiveMessage("keyed", message(json.readTree(pull.body)["mechanismUid"].asText(), 7))
                    core.approve(request.id, Evidence.Tap)
                    val bodies = core.due().map { claims(json.readTree(it.body)["jwt"].asText()) }
                    assertEquals(1, bodies.count { it.has("proof") })
                }
            }
        }
    }

    @Test
    fun `with another key they say that their accounts have to be added again`() = open(5, TestKeys(ByteArray(32) { 1 })).use { core ->
        assertEquals(setOf(AccountState.RE_ENROLMENT_NEEDED), core.accounts().map { it.state }.toSet())
    }

    private companion object {
        /** In seconds. */
        const val FROZEN_AT = 1_795_539_000L
    }
}
