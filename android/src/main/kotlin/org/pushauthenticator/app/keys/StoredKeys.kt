package org.pushauthenticator.app.keys

import android.security.keystore.KeyPermanentlyInvalidatedException
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.UnrecoverableKeyException

/*
 * What the Android Keystore does otherwise than its documentation says, in one place. It knows no key's purpose.
 */

/**
 * Whether the store says that the key is gone for good. It hands out an invalidated key on some systems, and on others says no
 * more than this while it is loaded; of a fault that may pass it names the cause.
 */
internal val UnrecoverableKeyException.isForGood: Boolean get() = cause == null || cause is KeyPermanentlyInvalidatedException

/**
 * The private key under this name.
 *
 * @throws KeyPermanentlyInvalidatedException when it does not count any more, or is not there
 * @throws GeneralSecurityException when the key store fails otherwise
 */
internal fun KeyStore.privateKey(alias: String): PrivateKey = try {
    getKey(alias, null) as PrivateKey? ?: throw KeyPermanentlyInvalidatedException()
} catch (gone: UnrecoverableKeyException) {
    throw if (gone.isForGood) KeyPermanentlyInvalidatedException(gone.message, gone) else gone
}

/** Takes a key away that nobody needs any more. One that the store keeps harms nobody: it is tried again with the next one. */
internal fun forgetKey(alias: String, store: () -> KeyStore) {
    try {
        store().deleteEntry(alias)
    } catch (busy: GeneralSecurityException) {
        return
    } catch (busy: ProviderException) {
        return
    }
}
