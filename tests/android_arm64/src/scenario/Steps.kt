package org.pushauthenticator

import java.nio.file.Path
import kotlin.io.path.readBytes

/** Numbers, runs and prints the steps of the scenario. A failure is reported, and the next step still runs. */
class Steps {
    private var passed = 0
    private var failed = 0

    fun step(what: String, work: () -> Unit) {
        val number = passed + failed + 1
        val began = System.nanoTime()
        val error = runCatching(work).exceptionOrNull()
        if (error == null) passed++ else failed++
        val milliseconds = (System.nanoTime() - began) / 1_000_000
        val result = if (error == null) "passed" else "FAILED: $error"
        println("%2d. %s: %s (%d ms)".format(number, what, result, milliseconds))
        error?.stackTrace?.take(TRACE)?.forEach { println("        at $it") }
    }

    /** Prints the summary and returns whether every step passed. */
    fun closed(): Boolean {
        println("$passed passed, $failed failed")
        return failed == 0 && passed >= LEAST
    }

    private companion object {
        const val TRACE = 12
        const val LEAST = 30
    }
}

/** A phone: a folder that outlives its processes, a clock, and the running process. */
class Phone(folder: Path) {
    /** In epoch milliseconds. */
    var now = NOON
    val lines = mutableListOf<String>()
    val keys = CountedKeys()
    val vault: Path = folder.resolve("vault")
    lateinit var core: Authenticator
        private set

    /** Objects of killed processes, kept so that the garbage collector does not free them in a later process. */
    private val lost = mutableListOf<Authenticator>()

    init {
        Clock.now = { now }
    }

    fun open(keys: PlatformKeys = this.keys, file: Path = vault): Authenticator =
        Authenticator.open("$file", keys, sink { level, line -> lines += "$level $line" })

    fun use(keys: PlatformKeys = this.keys) {
        core = open(keys).apply { setDeviceFacts(DeviceFacts(true, 0.0)) }
    }

    /** Kills the process without notice to the library, and opens the vault in another one. */
    fun restart(keys: PlatformKeys = this.keys, meanwhile: () -> Unit = {}) {
        kill()
        meanwhile()
        use(keys)
    }

    fun kill() {
        lost += core
        Border.kill()
    }

    /** Runs a statement on the vault's file with the SQLite of this machine's Python, and returns its output. */
    fun sql(statement: String): String {
        val script = "import sqlite3, sys; vault = sqlite3.connect(sys.argv[1]); " +
            "print(vault.execute(sys.argv[2]).fetchall()); vault.commit()"
        val process = ProcessBuilder("python3", "-c", script, "$vault", statement).redirectErrorStream(true).start()
        return String(process.inputStream.readAllBytes()).trim().also { check(process.waitFor() == 0) { it } }
    }

    /** Edits rows behind the library's back. */
    fun edit(update: String) = check(sql("$update RETURNING 1") != "[]") { "Nothing was edited by: $update" }

    fun bytes(): ByteArray = vault.readBytes()

    companion object {
        /** 1 December 2026, 12:00 UTC. */
        const val NOON = 1_796_126_400_000
    }
}

/** The tests' keys, with call counters. */
class CountedKeys(private val keys: TestKeys = TestKeys()) : PlatformKeys {
    var wrapped = 0
        private set
    var unwrapped = 0
        private set

    override fun wrap(dataKey: ByteArray): ByteArray = keys.wrap(dataKey).also { wrapped++ }
    override fun unwrap(wrapped: ByteArray): ByteArray = keys.unwrap(wrapped).also { unwrapped++ }
}
