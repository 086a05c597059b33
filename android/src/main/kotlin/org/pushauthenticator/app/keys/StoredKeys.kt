package org.pushauthenticator.app.keys

import android.security.keystore.KeyPermanentlyInvalidatedException
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.UnrecoverableKeyException

/* Works around the Android Keystore's deviations from its documentation. Independent of what the keys are for. */

/**
 * Whether the store says that the key is permanently gone. Some systems return an invalidated key; others throw this
 * exception, without a cause, when it is loaded. A temporary failure has a cause.
 */
internal val UnrecoverableKeyException.isForGood: Boolean get() = cause == null || cause is KeyPermanentlyInvalidatedException

/**
 * Returns the private key with this name.
 *
 * @throws KeyPermanentlyInvalidatedException when the key was invalidated or does not exist
 * @throws GeneralSecurityException when the key store fails for another reason
 */
internal fun KeyStore.privateKey(alias: String): PrivateKey = try {
    getKey(alias, null) as PrivateKey? ?: throw KeyPermanentlyInvalidatedException()
} catch (gone: UnrecoverableKeyException) {
    throw if (gone.isForGood) KeyPermanentlyInvalidatedException(gone.message, gone) else gone
}

/** Deletes an unused key. If the store fails to delete it, that does no harm: it is tried again with the next one. */
internal fun forgetKey(alias: String, store: () -> KeyStore) {
    try {
        store().deleteEntry(alias)
    } catch (busy: GeneralSecurityException) {
        return
    } catch (busy: ProviderException) {
        return
    }
}
