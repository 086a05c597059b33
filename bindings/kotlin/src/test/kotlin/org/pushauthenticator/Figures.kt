package org.pushauthenticator

import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.isDirectory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test

/** Kotlin's overhead over the core. Printed, not asserted; scripts/measure-kotlin.sh puts it next to Rust's figures. */
@Tag("figures")
class Figures {
    /** The work of benches/phone.rs: a message with numbers and context is received and approved. */
    private fun receiveAndApprove(name: String, folder: Path) = openCore(folder.resolve("vault")).use { core ->
        core.setDeviceFacts(DeviceFacts(true, 0.0))
        val server = Registered(core)
        val context = """{"remoteIp":"203.0.113.7","userAgent":"Mozilla/5.0","platform":"Linux"}"""
        // Made in advance, because a real phone makes no messages.
        val messages = List(WARM_UP + MEASURED) { number ->
            val now = System.currentTimeMillis().toString()
            server.message(number, "k" to "challenge", "n" to "34,43,57", "x" to context, "i" to now)
        }
        val times = LongArray(WARM_UP + MEASURED) { number ->
            val message = messages[number]
            val began = System.nanoTime()
            val notification = core.receiveMessage("AUTHENTICATE:$number", message)
            core.approve(notification.id, Evidence.Number("43"))
            System.nanoTime() - began
        }
        println("figure receive-and-approve-$name ${times.drop(WARM_UP).sorted()[MEASURED / 2] / 1000.0} us")
    }

    @Test
    fun `receive and approve`() {
        val memory = Path.of("/dev/shm")
        if (memory.isDirectory()) receiveAndApprove("memory", Files.createTempDirectory(memory, "vault"))
        receiveAndApprove("disk", Files.createTempDirectory(Path.of(System.getProperty("cargo.output")), "vault"))
    }

    @Test
    fun `library start`() {
        val starts = List(7) {
            val child = java(emptyList(), "org.pushauthenticator.StartKt", folder().resolve("vault").toString())
            val line = child.inputReader().readLine()
            assertEquals(0, child.waitFor())
            line.split(' ').map { it.toDouble() }
        }
        for ((index, what) in listOf("library-start", "first-open-of-a-new-vault").withIndex()) {
            println("figure $what ${starts.map { it[index] }.sorted()[3]} ms")
        }
    }

    private companion object {
        const val WARM_UP = 3000
        const val MEASURED = 2000
    }
}
