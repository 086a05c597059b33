package org.pushauthenticator

import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.pushauthenticator.example.Console
import org.pushauthenticator.example.use

/** The example under examples/kotlin works as described, against the real server. */
class ExampleTest {
    private val shown = mutableListOf<String>()

    private fun console(answer: () -> String?) = Console(answer) { shown += it }

    @Test
    fun `an account is added and a sign-on approved, another denied`() = runBlocking {
        Server().use { server ->
            val folder = folder()
            val (step, code) = server.offer()
            use(folder, console { "yes" }) { add(code) }
            assertEquals(listOf("Add alice at Ping, host ${server.address}? (yes)", "Added."), shown)
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("key"))))

            // A vault that is reopened, as in the next run.
            val waiting = server.registered(step)
            val typed = mutableListOf("none", Server.hiddenValue(waiting))
            use(folder, console { typed.removeFirst() }) { answer() }
            assertEquals(listOf("That is none of them. Which one?", "APPROVED"), shown.takeLast(2))
            assertNotNull(server.next(waiting)["tokenId"])

            val denied = server.signOn()
            use(folder, console { "" }) { answer() }
            assertEquals("DENIED", shown.last())
            assertEquals(401, server.post(denied).first)
        }
    }

    @Test
    fun `what is no code, or is not confirmed, adds nothing and says why`() = runBlocking {
        val folder = folder()
        use(folder, console { "yes" }) { add("no code") }
        assertTrue(shown.single().isNotEmpty())
        use(folder, console { "no" }) { add(registrationCode()) }
        openCore(folder.resolve("vault"), org.pushauthenticator.example.FileKey(folder.resolve("key"))).use {
            assertEquals(emptyList<Account>(), it.accounts())
        }
    }
}
