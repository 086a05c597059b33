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
import javax.crypto.Cipher
import javax.crypto.spec.OAEPParameterSpec
import javax.crypto.spec.PSource
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.SlotWrapper

/**
 * The key that accounts' biometric slots are wrapped under: RSA in the Android Keystore, its private half bound to a
 * strong biometric for every single use, and gone when another finger or face is enrolled.
 *
 * The public half wraps without asking anybody.
 */
class BiometricKey(private val context: Context) : SlotWrapper {
    override fun wrap(slot: ByteArray): ByteArray = try {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, publicHalf(), OAEP)
        cipher.doFinal(slot)
    } catch (failed: GeneralSecurityException) {
        throw PlatformKeyException.Unavailable()
    } catch (failed: ProviderException) {
        throw PlatformKeyException.Unavailable()
    } finally {
        slot.fill(0)
    }

    /**
     * What a prompt has to allow before it unwraps anything.
     *
     * @throws KeyPermanentlyInvalidatedException when the key does not count any more
     * @throws GeneralSecurityException when the key store fails otherwise
     */
    fun unwrapper(): Cipher {
        val key = store().privateKey(ALIAS)
        return Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.DECRYPT_MODE, key, OAEP) }
    }

    /** Takes the key away where the store can, so that the next account gets a new one; it does not count any more anyway. */
    fun forget() = forgetKey(ALIAS, ::store)

    private fun publicHalf(): PublicKey {
        val half = usableHalf() ?: make()
        // As a key of the store it would be bound to the biometric like the private half.
        return KeyFactory.getInstance(half.algorithm).generatePublic(X509EncodedKeySpec(half.encoded))
    }

    /** Nothing is wrapped under a key that can unwrap nothing any more. */
    private fun usableHalf(): PublicKey? {
        val half = store().getCertificate(ALIAS)?.publicKey ?: return null
        return try {
            unwrapper()
            half
        } catch (gone: KeyPermanentlyInvalidatedException) {
            forget()
            null
        }
    }

    private fun store() = KeyStore.getInstance(VaultKey.STORE).apply { load(null) }

    private fun make(): PublicKey = try {
        generate(strongBox = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE))
    } catch (none: StrongBoxUnavailableException) {
        generate(strongBox = false)
    }

    private fun generate(strongBox: Boolean): PublicKey {
        val spec = KeyGenParameterSpec.Builder(ALIAS, KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(2048)
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
        const val ALIAS = "biometric"
        private const val TRANSFORMATION = "RSA/ECB/OAEPPadding"

        /** The Keystore's MGF1 is SHA-1 before Android 14, whatever the digest is. */
        private val OAEP = OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT)
    }
}
