package org.pushauthenticator.app.keys

import java.security.GeneralSecurityException
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import org.pushauthenticator.Account
import org.pushauthenticator.Authenticator
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.PushAuthenticator

/** Has the Keystore and the accounts agree: keys go with their accounts, and what a key took with it is told to the core. */
class AccountKeys(private val signing: SigningKeys, private val biometric: BiometricKey) {
    private val starting = Mutex()
    private val adding = AtomicInteger()

    /** Does [work], which makes keys of an account that is not there yet. */
    suspend fun <T> whileAdding(work: suspend () -> T): T {
        starting.withLock { adding.incrementAndGet() }
        try {
            return work()
        } finally {
            adding.decrementAndGet()
        }
    }

    /** Takes away keys of accounts that are no more. What cannot be done now waits for the next time, and harms nobody. */
    suspend fun tidy(phone: PushAuthenticator): Unit = starting.withLock {
        if (adding.get() > 0) return
        try {
            val (accounts, slots) = phone.call { accounts().let { it to slots(it).values.toList() } }
            signing.keepOnly(accounts)
            biometric.keepOnly(slots)
        } catch (busy: GeneralSecurityException) {
            return
        } catch (unread: AuthenticatorException) {
            return
        }
    }

    /** The key of this slot is gone: so is the biometric of every account that it was for. */
    suspend fun biometricGone(phone: PushAuthenticator, wrapped: ByteArray) {
        phone.call {
            slots(accounts()).filterValues { biometric.isSame(it, wrapped) }.keys.forEach { biometricInvalidated(it) }
        }
        biometric.forget(wrapped)
    }

    /** The wrapped slots by their accounts' ids. */
    private fun Authenticator.slots(accounts: List<Account>): Map<String, ByteArray> =
        accounts.filter { it.hasBiometricSlot }.associate { it.id to biometricSlot(it.id) }
}
