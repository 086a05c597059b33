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
 * The phone core for coroutines, over one vault. Runs the core's calls on threads that may block, and exposes what an
 * app displays as flows. Does no networking; see [Courier].
 *
 * [call] reaches every method of the core; none is repeated here.
 */
public class PushAuthenticator private constructor(
    private val core: Authenticator,
    private val dispatcher: CoroutineDispatcher,
) : AutoCloseable {
    /** Counts the changes made through this object; [CLOSED] once it is closed. */
    private val changes = MutableStateFlow(0L)

    /** All accounts, now and after every change made through this object. Completes when this object is closed. */
    public val accounts: Flow<List<Account>> = watch({ accounts() }, { null })

    /**
     * The sign-on requests that can be answered, newest first: now, after every change made through this object, and
     * when one of them expires. Completes when this object is closed.
     */
    public val notifications: Flow<List<Notification>> = watch({ pending() }) { pending ->
        pending.minOfOrNull { it.expiresAt }?.let(::untilOver)
    }

    /**
     * One sign-on request in whatever state it is: now, after every change made through this object, and when it
     * expires. Completes when this object is closed.
     *
     * @throws AuthenticatorException on collection, when there is no such sign-on request
     */
    public fun notification(id: String): Flow<Notification> = watch({ notification(id) }) { seen ->
        seen.takeIf { it.state == NotificationState.PENDING }?.let { untilOver(it.expiresAt) }
    }

    /**
     * The server's clock decides, and it may be off by the core's tolerance, so keep checking until the request is
     * over.
     */
    private fun untilOver(expiresAt: Long): Duration =
        (expiresAt - System.currentTimeMillis()).milliseconds.coerceAtLeast(LATE_INTERVAL)

    /**
     * Runs a call of the core where it may block, and then refreshes the flows: `phone.call { rename(id, null, "Work")
     * }`.
     *
     * A call that has started always runs to completion: cancellation discards its result, not its effect.
     *
     * @throws AuthenticatorException when the core rejects the call or cannot complete it
     * @throws IllegalStateException when this object is closed
     */
    public suspend fun <T> call(work: Authenticator.() -> T): T =
        try {
            look(work)
        } finally {
            refresh()
        }

    /** Refreshes the flows after another process of the app, such as a push receiver, changed the vault. */
    public fun refresh() {
        changes.update { if (it == CLOSED) CLOSED else it + 1 }
    }

    /** Closes the vault once all running calls are done. Closing twice has no effect. */
    override fun close() {
        changes.value = CLOSED
        core.close()
    }

    /** Runs a call that changes nothing that the flows expose. */
    internal suspend fun <T> look(work: Authenticator.() -> T): T = withContext(dispatcher) {
        // The generated object keeps accepting calls while one that started before the close is still running.
        check(changes.value != CLOSED) { "This phone was closed." }
        guarded { core.work() }
    }

    internal val version: Long get() = changes.value

    /** Waits for a change after [version], but no longer than [atMost]. */
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
         * Opens the vault, or creates it if the file does not exist; see [Authenticator].
         *
         * @param vaultFile path of the vault; its folder must exist
         * @param keys the platform's key for the vault; called only before this function returns
         * @param log receives the core's log lines
         * @param dispatcher where the core's calls may block
         * @throws AuthenticatorException when the vault cannot be used
         */
        public suspend fun open(
            vaultFile: String,
            keys: PlatformKeys,
            log: LogSink? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
        ): PushAuthenticator {
            // If this is cancelled, nobody is left to close the core; its cleaner does that.
            val core = withContext(dispatcher) {
                guarded {
                    // Checks once per process that the native library and this code have the same version.
                    uniffiEnsureInitialized()
                    Authenticator.open(vaultFile, keys, log)
                }
            }
            return PushAuthenticator(core, dispatcher)
        }

        /** Converts the generated code's own exceptions to the one exception type that callers know. */
        private inline fun <T> guarded(work: () -> T): T = try {
            work()
        } catch (unreadable: CharacterCodingException) {
            // An unpaired surrogate is not valid text outside the JVM.
            throw AuthenticatorException.Refused("bad-text", "The text holds characters that cannot be read.")
        } catch (failed: InternalException) {
            // A panic in the core. Its text is for the core's developers, and nobody has checked what it contains.
            throw AuthenticatorException.Vault(
                "internal-failure", "Something went wrong inside the app. Close it and open it again; if that does not help, report it.",
            )
        }
    }
}

/** The stable error code, in lower case with dashes; for programs. */
public val AuthenticatorException.code: String
    get() = when (this) {
        is AuthenticatorException.Refused -> code
        is AuthenticatorException.Vault -> code
        is AuthenticatorException.Platform -> code
        is AuthenticatorException.Server -> code
    }

/** What happened and what to do about it; for the user. */
public val AuthenticatorException.explanation: String
    get() = when (this) {
        is AuthenticatorException.Refused -> explanation
        is AuthenticatorException.Vault -> explanation
        is AuthenticatorException.Platform -> explanation
        is AuthenticatorException.Server -> explanation
    }
