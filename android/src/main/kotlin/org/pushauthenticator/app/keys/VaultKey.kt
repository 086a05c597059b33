package org.pushauthenticator.app.keys

import android.content.Context
import android.content.pm.PackageManager
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.security.GeneralSecurityException
import java.security.InvalidKeyException
import java.security.KeyStore
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.PlatformKeys
import org.pushauthenticator.app.service

/**
 * The key that wraps the vault's data key: AES-256 in the Android Keystore, in StrongBox if available.
 *
 * It requires neither the user nor an unlocked device, because pushes arrive while the phone is locked.
 */
class VaultKey(private val context: Context) : PlatformKeys {
    override fun wrap(dataKey: ByteArray): ByteArray = try {
        guard {
            val cipher = Cipher.getInstance(TRANSFORMATION)
            cipher.init(Cipher.ENCRYPT_MODE, key() ?: make())
            val sealed = cipher.doFinal(dataKey)
            check(cipher.iv.size == NONCE) { "The key store made a nonce of ${cipher.iv.size} bytes." }
            cipher.iv + sealed
        }
    } finally {
        dataKey.fill(0)
    }

    override fun unwrap(wrapped: ByteArray): ByteArray = guard {
        if (wrapped.size <= NONCE) throw PlatformKeyException.Invalid()
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, key() ?: throw missing(), GCMParameterSpec(TAG_BITS, wrapped, 0, NONCE))
        cipher.doFinal(wrapped, NONCE, wrapped.size - NONCE)
    }

    /** Before the first unlock the store lists no keys, so nothing is lost. */
    private fun missing(): PlatformKeyException =
        if (context.service<UserManager>().isUserUnlocked) PlatformKeyException.Invalid()
        else PlatformKeyException.Unavailable()

    /**
     * `Invalid` tells the user that the accounts are lost, so it is thrown only when no other explanation is possible.
     */
    private fun <T> guard(work: () -> T): T = try {
        work()
    } catch (gone: KeyPermanentlyInvalidatedException) {
        throw PlatformKeyException.Invalid()
    } catch (another: AEADBadTagException) {
        throw PlatformKeyException.Invalid()
    } catch (gone: UnrecoverableKeyException) {
        throw if (gone.isForGood) missing() else PlatformKeyException.Unavailable()
    } catch (busy: InvalidKeyException) {
        throw PlatformKeyException.Unavailable()
    } catch (busy: GeneralSecurityException) {
        throw PlatformKeyException.Unavailable()
    } catch (busy: ProviderException) {
        throw PlatformKeyException.Unavailable()
    }

    private fun key(): SecretKey? = KeyStore.getInstance(STORE).run {
        load(null)
        getKey(ALIAS, null) as SecretKey?
    }

    private fun make(): SecretKey = try {
        generate(strongBox = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE))
    } catch (none: StrongBoxUnavailableException) {
        generate(strongBox = false)
    }

    private fun generate(strongBox: Boolean): SecretKey {
        val spec = KeyGenParameterSpec.Builder(ALIAS, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(256)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setIsStrongBoxBacked(strongBox)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE).run {
            init(spec)
            generateKey()
        }
    }

    companion object {
        const val ALIAS = "vault"
        internal const val STORE = "AndroidKeyStore"
        private const val TRANSFORMATION = "AES/GCM/NoPadding"
        private const val NONCE = 12
        private const val TAG_BITS = 128
    }
}
