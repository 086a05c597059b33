package org.pushauthenticator

import java.nio.charset.CharacterCodingException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull

/**
 * The phone core for coroutines, over one vault: the core's calls are made on threads that may block, and what an app
 * shows comes as flows. It knows no network; a [Courier] does.
 *
 * Every method of the core is reached through [call]; none is repeated here.
 */
public class PushAuthenticator private constructor(
    private val core: Authenticator,
    private val dispatcher: CoroutineDispatcher,
) : AutoCloseable {
    /** Counts changes made through this object; [CLOSED] at the end. */
    private val changes = MutableStateFlow(0L)

    /** All accounts, now and after every change made through this object. Ends when this object is closed. */
    public val accounts: Flow<List<Account>> = watch({ accounts() }, { null })

    /**
     * The sign-on requests that can be answered, newest first: now, after every change made through this object, and
     * when the time of one is over. Ends when this object is closed.
     */
    public val notifications: Flow<List<Notification>> = watch({ pending() }) { pending ->
        pending.minOfOrNull { it.expiresAt }?.let(::untilOver)
    }

    /**
     * One sign-on request, whatever became of it: now, after every change made through this object, and when its time is
     * over. Ends when this object is closed.
     *
     * @throws AuthenticatorException where it is collected, when there is no such request
     */
    public fun notification(id: String): Flow<Notification> = watch({ notification(id) }) { seen ->
        seen.takeIf { it.state == NotificationState.PENDING }?.let { untilOver(it.expiresAt) }
    }

    /** The clock of the server decides, which may be off by the core's tolerance: looked at again until it is over. */
    private fun untilOver(expiresAt: Long): Duration =
        (expiresAt - System.currentTimeMillis()).milliseconds.coerceAtLeast(LATE_INTERVAL)

    /**
     * Makes a call of the core where it may block, and has the flows look again afterwards:
     * `phone.call { rename(id, null, "Work") }`.
     *
     * A call that has begun is made to its end: after a cancellation its result is lost, what it did is not.
     *
     * @throws AuthenticatorException what the core refuses, or cannot do
     * @throws IllegalStateException when this object is closed
     */
    public suspend fun <T> call(work: Authenticator.() -> T): T =
        try {
            look(work)
        } finally {
            refresh()
        }

    /** Has the flows look again: another process of the app, such as a push receiver's, changed the vault. */
    public fun refresh() {
        changes.update { if (it == CLOSED) CLOSED else it + 1 }
    }

    /** Closes the vault once calls that run are done. Closing twice does nothing. */
    override fun close() {
        changes.value = CLOSED
        core.close()
    }

    /** A call that changes nothing that anybody watches. */
    internal suspend fun <T> look(work: Authenticator.() -> T): T = withContext(dispatcher) {
        // The generated object goes on taking calls while one runs that began before it was closed.
        check(changes.value != CLOSED) { "This phone was closed." }
        guarded { core.work() }
    }

    internal val version: Long get() = changes.value

    /** Waits for a change after [version], but no longer than this. */
    internal suspend fun awaitChange(version: Long, atMost: Duration?) {
        if (atMost == null) {
            changes.first { it != version }
        } else {
            withTimeoutOrNull(atMost.coerceAtLeast(SHORTEST_WAIT)) { changes.first { it != version } }
        }
    }

    private fun <T> watch(look: Authenticator.() -> T, lasts: (T) -> Duration?): Flow<T> = flow {
        while (true) {
            val version = changes.value
            if (version == CLOSED) break
            val seen = try {
                look(look)
            } catch (closed: IllegalStateException) {
                if (changes.value == CLOSED) break
                throw closed
            }
            emit(seen)
            awaitChange(version, lasts(seen))
        }
    }.distinctUntilChanged()

    public companion object {
        private const val CLOSED = -1L
        private val SHORTEST_WAIT = 100.milliseconds
        private val LATE_INTERVAL = 2.seconds

        /**
         * Opens the vault, or makes a new one where there is no file; see [Authenticator].
         *
         * @param vaultFile path of the vault; its folder must be there
         * @param keys the platform's key for the vault, called before this returns and not afterwards
         * @param log takes the core's log lines
         * @param dispatcher where the core's calls may block
         * @throws AuthenticatorException when the vault cannot be used
         */
        public suspend fun open(
            vaultFile: String,
            keys: PlatformKeys,
            log: LogSink? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
        ): PushAuthenticator {
            // Cancelled meanwhile, nobody would be left to close it; the core's cleaner does then.
            val core = withContext(dispatcher) {
                guarded {
                    // Checks once per process that the native library and this code are of one version.
                    uniffiEnsureInitialized()
                    Authenticator.open(vaultFile, keys, log)
                }
            }
            return PushAuthenticator(core, dispatcher)
        }

        /** What the generated code throws of its own, as the one kind of exception that callers know. */
        private inline fun <T> guarded(work: () -> T): T = try {
            work()
        } catch (unreadable: CharacterCodingException) {
            // A half of a surrogate pair is no text outside of the JVM.
            throw AuthenticatorException.Refused("bad-text", "The text holds characters that cannot be read.")
        } catch (failed: InternalException) {
            // A panic of the core. Its text is for its developers, and nobody checked what it holds.
            throw AuthenticatorException.Vault(
                "internal-failure", "Something went wrong inside the app. Close it and open it again; if that does not help, report it.",
            )
        }
    }
}

/** The stable code of what went wrong, in lower case with dashes; for programs. */
public val AuthenticatorException.code: String
    get() = when (this) {
        is AuthenticatorException.Refused -> code
        is AuthenticatorException.Vault -> code
        is AuthenticatorException.Platform -> code
        is AuthenticatorException.Server -> code
    }

/** What happened and what to do, for a person. */
public val AuthenticatorException.explanation: String
    get() = when (this) {
        is AuthenticatorException.Refused -> explanation
        is AuthenticatorException.Vault -> explanation
        is AuthenticatorException.Platform -> explanation
        is AuthenticatorException.Server -> explanation
    }
