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
 * The keys that accounts' biometric slots are wrapped under, one for each account: RSA in the Android Keystore, the private
 * half bound to a strong biometric for every single use, and gone when another finger or face is enrolled. An account is
 * never bound to a key of another time, and a key that is gone takes no other with it.
 *
 * The public half wraps without asking anybody. What is wrapped begins with the name of its key; what an earlier version of
 * this app wrapped does not, and is under one key that its accounts shared.
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
     * What a prompt has to allow before it unwraps this slot.
     *
     * @throws KeyPermanentlyInvalidatedException when its key does not count any more
     * @throws GeneralSecurityException when the key store fails otherwise
     */
    fun unwrapper(wrapped: ByteArray): Cipher {
        val key = store().privateKey(alias(wrapped))
        return Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.DECRYPT_MODE, key, OAEP) }
    }

    /** Unwraps the slot with its [unwrapper], which a prompt allowed. */
    fun unwrap(wrapped: ByteArray, allowed: Cipher): ByteArray =
        if (isNamed(wrapped)) allowed.doFinal(wrapped, NAME, wrapped.size - NAME) else allowed.doFinal(wrapped)

    /** Whether both are wrapped under the same key, so that what ends one ends the other. */
    fun isSame(wrapped: ByteArray, other: ByteArray): Boolean = alias(wrapped) == alias(other)

    /** Takes this slot's key away where the store can; it does not count any more, or its account is gone. */
    fun forget(wrapped: ByteArray) = forgetKey(alias(wrapped), ::store)

    /** Takes away the keys of all other slots. Not to be called while an account is being added. */
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

    /** What is wrapped is as long as the key's modulus. */
    private fun isNamed(wrapped: ByteArray) = wrapped.size > KEY_BITS / 8

    private fun store() = KeyStore.getInstance(VaultKey.STORE).apply { load(null) }

    /** The public half; as a key of the store it would be bound to the biometric like the private half. */
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
        /** The key that accounts shared. */
        internal const val SHARED = "biometric"
        internal const val PREFIX = "biometric-"
        private const val KEY_BITS = 2048

        /** Length of a name, in bytes. */
        private const val NAME = 36
        private const val TRANSFORMATION = "RSA/ECB/OAEPPadding"

        /** The Keystore's MGF1 is SHA-1 before Android 14, whatever the digest is. */
        private val OAEP = OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT)
    }
}
