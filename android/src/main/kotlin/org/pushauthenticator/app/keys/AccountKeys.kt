package org.pushauthenticator.app.keys

import java.security.GeneralSecurityException
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import org.pushauthenticator.Account
import org.pushauthenticator.Authenticator
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.PushAuthenticator

/**
 * Keeps the Keystore and the accounts consistent: removes keys together with their accounts, and tells the core what
 * was lost with a key.
 */
class AccountKeys(private val signing: SigningKeys, private val biometric: BiometricKey) {
    private val starting = Mutex()
    private val adding = AtomicInteger()

    /** Runs [work], which makes keys for an account that does not exist yet. */
    suspend fun <T> whileAdding(work: suspend () -> T): T {
        starting.withLock { adding.incrementAndGet() }
        try {
            return work()
        } finally {
            adding.decrementAndGet()
        }
    }

    /**
     * Removes the keys of deleted accounts. What cannot be removed now is removed next time; until then it does no
     * harm.
     */
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

    /** Reports that the key of this slot is gone, and with it the biometric of every account that used it. */
    suspend fun biometricGone(phone: PushAuthenticator, wrapped: ByteArray) {
        phone.call {
            slots(accounts()).filterValues { biometric.isSame(it, wrapped) }.keys.forEach { biometricInvalidated(it) }
        }
        biometric.forget(wrapped)
    }

    /** The wrapped slots, by account id. */
    private fun Authenticator.slots(accounts: List<Account>): Map<String, ByteArray> =
        accounts.filter { it.hasBiometricSlot }.associate { it.id to biometricSlot(it.id) }
}
