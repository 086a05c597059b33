package org.pushauthenticator

import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue

private val COUNTER = CodeSettings(CodeAlgorithm.SHA1, 6u, CodeMoving.Counter(0u))

/** Returns the code of the vault error that [work] ends with. */
fun vaultError(work: () -> Unit): String = assertThrows(AuthenticatorException.Vault::class.java) { work() }.code

/** What survives a process and what does no harm: killed processes, other keys, edits, a full disk. */
fun Steps.storage(phone: Phone) {
    val otherKeys = TestKeys(ByteArray(32) { 1 })
    lateinit var server: Registered
    lateinit var before: List<Account>

    step("a process is killed with an answer that waits: the next one finds all accounts and the answer's bytes") {
        server = Registered(phone.core, registrationCode("killed"))
        val request = phone.core.receiveMessage("killed-1", server.message(1))
        phone.core.approve(request.id, Evidence.Tap)
        val sent = phone.core.due().single()
        before = phone.core.accounts()
        phone.restart()
        assertEquals(before, phone.core.accounts())
        // The killed process had it reserved for a minute.
        phone.now += 60_001
        assertArrayEquals(sent.body, phone.core.due().single().body)
        phone.core.delivered(sent.id, HttpResponse(200u, null, "{}".toByteArray()))
        assertEquals(NotificationState.APPROVED, phone.core.notification(request.id).state)
    }
    step("a code by counter goes on behind the last one after a kill") {
        val account = before.single { it.account == "counted" }
        // RFC 4226's secret; its first ten values were shown.
        assertEquals(oneTimeCode("12345678901234567890".toByteArray(), "SHA1", 6, 10), phone.core.code(account.id).code)
        phone.restart()
        assertEquals(oneTimeCode("12345678901234567890".toByteArray(), "SHA1", 6, 11), phone.core.code(account.id).code)
    }
    step("another SQLite finds the file of the killed process whole") {
        phone.restart { assertEquals("[('ok',)]", phone.sql("PRAGMA integrity_check")) }
        assertEquals(before, phone.core.accounts())
    }
    step("the vault is rewrapped, and only the new key opens it") {
        phone.core.rewrap(otherKeys)
        phone.restart()
        assertTrue(phone.core.accounts().all { it.state == AccountState.RE_ENROLMENT_NEEDED })
        val coded = before.single { it.account == "SHA1" }
        val error = assertThrows(AuthenticatorException.Platform::class.java) { phone.core.code(coded.id) }
        assertEquals("re-enrolment-needed", error.code)
        phone.restart(otherKeys)
        assertEquals(before, phone.core.accounts())
    }
    step("with a full disk a write is rejected as one, and loses nothing") {
        Disk.isFull = true
        val entry = ManualEntry("Acme", "one too many", "GEZDGNBVGY3TQOJQ", COUNTER)
        assertEquals("storage-full", vaultError { phone.core.enrolEntry(entry, enrolment()) })
        assertEquals("storage-full", vaultError { phone.core.receiveMessage("full-1", server.message(2)) })
        assertEquals("storage-full", vaultError { phone.core.code(before.single { it.account == "counted" }.id) })
        assertEquals("storage-full", vaultError { phone.core.remove(before.first().id) })
    }
    step("with a full disk accounts are listed and codes by time shown") {
        assertEquals(before, phone.core.accounts())
        val account = before.single { it.account == "SHA256" }
        val secret = unhex(vectors("codes").first { it["algorithm"].asText() == "SHA256" }["secret"].asText())
        assertEquals(oneTimeCode(secret, "SHA256", 8, phone.now / 30_000), phone.core.code(account.id).code)
    }
    step("with room again the same write is done") {
        Disk.isFull = false
        val request = phone.core.receiveMessage("full-1", server.message(2))
        phone.core.deny(request.id)
        val sent = phone.core.due().single()
        assertTrue(claims(json.readTree(sent.body)["jwt"].asText())["deny"].asBoolean())
        phone.core.delivered(sent.id, HttpResponse(200u, null, "{}".toByteArray()))
    }
    step("an edited row is detected and not used") {
        val request = phone.core.receiveMessage("edited-1", server.message(3))
        val edit = "UPDATE notification SET message_id = 'another' WHERE message_id = 'edited-1'"
        phone.restart(otherKeys) { phone.edit(edit) }
        assertEquals("vault-tampered", vaultError { phone.core.approve(request.id, Evidence.Tap) })
        assertEquals(emptyList<Notification>(), phone.core.pending())
    }
    step("an edited policy is detected, and with the edit undone the account works on") {
        phone.restart(otherKeys) { phone.edit("UPDATE account SET policies = '{}' WHERE policies IS NULL") }
        assertEquals("vault-tampered", vaultError { phone.core.receiveMessage("edited-2", server.message(4)) })
        phone.restart(otherKeys) { phone.edit("UPDATE account SET policies = NULL WHERE policies = '{}'") }
        phone.core.deny(phone.core.receiveMessage("edited-2", server.message(4)).id)
    }
    step("an account is renamed and removed, which says first what that means") {
        val account = before.single { it.account == "grace" }
        assertEquals("Work", phone.core.rename(account.id, null, "Work").displayName)
        assertTrue(phone.core.removal(account.id).consequences.isNotEmpty())
        phone.core.remove(account.id)
        assertEquals(before.map { it.id } - account.id, phone.core.accounts().map { it.id })
    }
    step("closed in order, the vault is one file, and the callbacks are let go") {
        assertEquals(0, FfiConverterTypePlatformKeys.handleMap.size)
        val sinks = FfiConverterTypeLogSink.handleMap.size
        phone.core.close()
        assertEquals(sinks - 1, FfiConverterTypeLogSink.handleMap.size)
        assertEquals(listOf(false, false), listOf("-wal", "-shm").map { File("${phone.vault}$it").exists() })
        assertThrows(IllegalStateException::class.java) { phone.core.accounts() }
        phone.use(otherKeys)
        assertEquals(before.size - 1, phone.core.accounts().size)
    }
    step("a file that is no vault is rejected and left as it is") {
        phone.core.close()
        val nonsense = "no database, and rather long".repeat(100).toByteArray()
        phone.vault.toFile().writeBytes(nonsense)
        assertEquals("vault-damaged", vaultError { phone.open(otherKeys) })
        assertArrayEquals(nonsense, phone.bytes())
    }
}
