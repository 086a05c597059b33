package org.pushauthenticator.app.keys

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.ProviderException
import java.security.PublicKey
import java.security.spec.MGF1ParameterSpec
import java.security.spec.X509EncodedKeySpec
import java.util.UUID
import javax.crypto.Cipher
import javax.crypto.spec.OAEPParameterSpec
import javax.crypto.spec.PSource
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.SlotWrapper

/**
 * The keys that wrap accounts' biometric slots, one for each account: RSA in the Android Keystore, with the private
 * half bound to a strong biometric for every single use and invalidated when another fingerprint or face is enrolled.
 * Accounts never share a key, so losing one affects no other account.
 *
 * Wrapping uses the public half and needs no prompt. Wrapped data begins with the name of its key. Data from earlier
 * versions of this app does not; it is wrapped under one key that those accounts shared.
 */
class BiometricKey(private val context: Context) : SlotWrapper {
    override fun wrap(slot: ByteArray): ByteArray = try {
        val name = UUID.randomUUID().toString()
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, make(PREFIX + name), OAEP)
        name.toByteArray() + cipher.doFinal(slot)
    } catch (failed: GeneralSecurityException) {
        throw PlatformKeyException.Unavailable()
    } catch (failed: ProviderException) {
        throw PlatformKeyException.Unavailable()
    } finally {
        slot.fill(0)
    }

    /**
     * Returns the cipher that a prompt has to unlock before it unwraps this slot.
     *
     * @throws KeyPermanentlyInvalidatedException when the slot's key was invalidated
     * @throws GeneralSecurityException when the key store fails for another reason
     */
    fun unwrapper(wrapped: ByteArray): Cipher {
        val key = store().privateKey(alias(wrapped))
        return Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.DECRYPT_MODE, key, OAEP) }
    }

    /** Unwraps the slot with its [unwrapper], once a prompt has unlocked it. */
    fun unwrap(wrapped: ByteArray, allowed: Cipher): ByteArray =
        if (isNamed(wrapped)) allowed.doFinal(wrapped, NAME, wrapped.size - NAME) else allowed.doFinal(wrapped)

    /** Whether both are wrapped under the same key, so that losing the key affects both. */
    fun isSame(wrapped: ByteArray, other: ByteArray): Boolean = alias(wrapped) == alias(other)

    /** Removes this slot's key if the store allows it. Called when the key was invalidated or its account is gone. */
    fun forget(wrapped: ByteArray) = forgetKey(alias(wrapped), ::store)

    /** Removes the keys of all other slots. Must not be called while an account is being added. */
    fun keepOnly(slots: List<ByteArray>) {
        val kept = slots.map(::alias)
        try {
            val store = store()
            store.aliases().toList().filter { (it == SHARED || it.startsWith(PREFIX)) && it !in kept }.forEach(store::deleteEntry)
        } catch (failed: ProviderException) {
            throw GeneralSecurityException(failed)
        }
    }

    private fun alias(wrapped: ByteArray) = if (isNamed(wrapped)) PREFIX + String(wrapped, 0, NAME) else SHARED

    /** The ciphertext is as long as the key's modulus; anything longer begins with a name. */
    private fun isNamed(wrapped: ByteArray) = wrapped.size > KEY_BITS / 8

    private fun store() = KeyStore.getInstance(VaultKey.STORE).apply { load(null) }

    /**
     * Returns the public half outside of the store; inside it, the public half would be bound to the biometric like the
     * private one.
     */
    private fun make(alias: String): PublicKey {
        val half = try {
            generate(alias, strongBox = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE))
        } catch (none: StrongBoxUnavailableException) {
            generate(alias, strongBox = false)
        }
        return KeyFactory.getInstance(half.algorithm).generatePublic(X509EncodedKeySpec(half.encoded))
    }

    private fun generate(alias: String, strongBox: Boolean): PublicKey {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(KEY_BITS)
            .setDigests(KeyProperties.DIGEST_SHA256, KeyProperties.DIGEST_SHA1)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_RSA_OAEP)
            .setUserAuthenticationRequired(true)
            .setInvalidatedByBiometricEnrollment(true)
            .setIsStrongBoxBacked(strongBox)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            spec.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)
        } else {
            @Suppress("DEPRECATION")
            spec.setUserAuthenticationValidityDurationSeconds(-1)
        }
        return KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_RSA, VaultKey.STORE).run {
            initialize(spec.build())
            generateKeyPair().public
        }
    }

    companion object {
        /** The key that accounts of earlier versions shared. */
        internal const val SHARED = "biometric"
        internal const val PREFIX = "biometric-"
        private const val KEY_BITS = 2048

        /** Length of a key name, in bytes. */
        private const val NAME = 36
        private const val TRANSFORMATION = "RSA/ECB/OAEPPadding"

        /** Before Android 14, the Keystore uses SHA-1 for MGF1, whatever the digest. */
        private val OAEP = OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT)
    }
}
