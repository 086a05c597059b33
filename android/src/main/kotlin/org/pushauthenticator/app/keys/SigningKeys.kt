package org.pushauthenticator.app.keys

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.pushauthenticator.Account
import org.pushauthenticator.DeviceKey
import org.pushauthenticator.KeyLevel
import org.pushauthenticator.Signed
import org.pushauthenticator.ToSign
import org.pushauthenticator.UserPresence
import org.pushauthenticator.attestationOf
import org.pushauthenticator.jwk
import org.pushauthenticator.needsSignature
import org.pushauthenticator.signedBy

/** An account's own key in the Keystore. Its private half never leaves the Keystore. */
class SigningKey(private val alias: String, private val store: KeyStore, val description: DeviceKey) {
    /** Whether every signature requires a successful prompt. */
    val asksForBiometric: Boolean get() = description.presence == UserPresence.BIOMETRIC

    /**
     * Returns the signature object that a prompt has to unlock before it signs, if the key requires one.
     *
     * @throws KeyPermanentlyInvalidatedException when the key was invalidated
     * @throws GeneralSecurityException when the key store fails for another reason
     */
    fun signature(): Signature {
        val key = store.privateKey(alias)
        return Signature.getInstance(ALGORITHM).apply { initSign(key) }
    }

    /** Removes the key permanently. If the store fails to delete it, the next start tries again. */
    fun forget() = forgetKey(alias) { store }

    companion object {
        private const val ALGORITHM = "SHA256withECDSA"
    }
}

/**
 * One EC P-256 key for each account whose server accepts one: in StrongBox if available, attested if the phone can,
 * and, if a strong biometric is set up, bound to it for every single use and invalidated when another fingerprint or
 * face is enrolled.
 *
 * The mapping from accounts to keys is not stored anywhere: the account has the public half.
 */
class SigningKeys(private val context: Context) {
    /**
     * Makes a key for an account that is about to be added.
     *
     * @param challenge the challenge that the server wants attested
     * @param biometric whether the key should require a biometric
     * @throws GeneralSecurityException when the key store cannot make the key
     */
    suspend fun make(challenge: ByteArray?, biometric: Boolean): SigningKey = inStore {
        val alias = PREFIX + UUID.randomUUID()
        val hasStrongBox = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)
        val strongBox = try {
            hasStrongBox.also { generate(alias, challenge, biometric, it) }
        } catch (none: StrongBoxUnavailableException) {
            false.also { generate(alias, challenge, biometric, it) }
        }
        val store = store()
        SigningKey(alias, store, describe(store, alias, strongBox))
    }

    /**
     * Returns the account's key, or null if it is no longer in the store.
     *
     * @throws GeneralSecurityException when the key store cannot be used
     */
    suspend fun of(account: Account): SigningKey? = inStore {
        val (jwk, key) = account.key?.let { it.jwk to it } ?: return@inStore null
        val store = store()
        val alias = aliases(store).find { jwk(store, it) == jwk } ?: return@inStore null
        SigningKey(alias, store, DeviceKey(jwk, key.level, key.presence))
    }

    /**
     * Signs a pull with the account's key. Returns null if the key is gone, cannot be used now, or requires the user.
     */
    suspend fun signUnasked(account: Account?, toSign: ToSign): Signed? = try {
        val key = account?.let { of(it) }?.takeUnless { it.asksForBiometric }
        key?.let { inStore { toSign.signedBy(it.signature()) } }
    } catch (unable: GeneralSecurityException) {
        null
    }

    /** Removes the keys of deleted accounts. Must not be called while an account is being added. */
    suspend fun keepOnly(accounts: List<Account>) = inStore {
        val kept = accounts.filter { it.needsSignature }.mapNotNull { it.key?.jwk }
        val store = store()
        aliases(store).filter { jwk(store, it) !in kept }.forEach(store::deleteEntry)
    }

    private fun generate(alias: String, challenge: ByteArray?, biometric: Boolean, strongBox: Boolean) {
        try {
            pair(spec(alias, biometric, strongBox).setAttestationChallenge(challenge).build())
        } catch (none: StrongBoxUnavailableException) {
            throw none
        } catch (unable: ProviderException) {
            // Not every phone can attest keys. The server decides whether it accepts one without an attestation.
            if (challenge == null) throw unable
            pair(spec(alias, biometric, strongBox).build())
        }
    }

    private fun pair(spec: KeyGenParameterSpec) {
        KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, VaultKey.STORE).run {
            initialize(spec)
            generateKeyPair()
        }
    }

    private fun spec(alias: String, biometric: Boolean, strongBox: Boolean): KeyGenParameterSpec.Builder {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
            .setIsStrongBoxBacked(strongBox)
        if (!biometric) return spec
        spec.setUserAuthenticationRequired(true).setInvalidatedByBiometricEnrollment(true)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            spec.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)
        } else {
            @Suppress("DEPRECATION")
            spec.setUserAuthenticationValidityDurationSeconds(-1)
        }
        return spec
    }

    /** Describes the key as the store reports it, not as it was requested. */
    private fun describe(store: KeyStore, alias: String, strongBox: Boolean): DeviceKey {
        val key = store.getKey(alias, null) as PrivateKey
        val info = KeyFactory.getInstance(key.algorithm, VaultKey.STORE).getKeySpec(key, KeyInfo::class.java)
        val presence = if (info.isUserAuthenticationRequired) UserPresence.BIOMETRIC else UserPresence.NONE
        // Without attestation the store still creates one certificate, which proves nothing. If the chain is longer
        // than a registration can hold, nothing is sent: the server decides whether it accepts a key without an
        // attestation.
        val chain = store.getCertificateChain(alias).orEmpty().map { it.encoded }.takeIf { it.size > 1 }?.let(::attestationOf)
        val jwk = jwk(store, alias) ?: throw ProviderException("The key store made no key on P-256.")
        return DeviceKey(jwk, level(info, strongBox), presence, chain)
    }

    private fun level(info: KeyInfo, strongBox: Boolean): KeyLevel {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            return when (info.securityLevel) {
                KeyProperties.SECURITY_LEVEL_STRONGBOX -> KeyLevel.STRONGBOX
                KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT, KeyProperties.SECURITY_LEVEL_UNKNOWN_SECURE -> KeyLevel.TEE
                else -> KeyLevel.SOFTWARE
            }
        }
        @Suppress("DEPRECATION")
        return if (!info.isInsideSecureHardware) KeyLevel.SOFTWARE else if (strongBox) KeyLevel.STRONGBOX else KeyLevel.TEE
    }

    private fun aliases(store: KeyStore): List<String> = store.aliases().toList().filter { it.startsWith(PREFIX) }

    private fun jwk(store: KeyStore, alias: String): String? = (store.getCertificate(alias)?.publicKey as? ECPublicKey)?.jwk

    private fun store() = KeyStore.getInstance(VaultKey.STORE).apply { load(null) }

    /** A secure chip may take a second. Undeclared exceptions are treated like any other failure. */
    private suspend fun <T> inStore(work: () -> T): T = withContext(Dispatchers.IO) {
        try {
            work()
        } catch (failed: ProviderException) {
            throw GeneralSecurityException(failed)
        }
    }

    companion object {
        internal const val PREFIX = "account-"
    }
}
