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

/** An account's own key in the Keystore. Its private half never leaves it. */
class SigningKey(private val alias: String, private val store: KeyStore, val description: DeviceKey) {
    /** Whether nothing is signed without a prompt that was passed. */
    val asksForBiometric: Boolean get() = description.presence == UserPresence.BIOMETRIC

    /**
     * What a prompt has to allow before it signs, where the key asks for one.
     *
     * @throws KeyPermanentlyInvalidatedException when the key does not count any more
     * @throws GeneralSecurityException when the key store fails otherwise
     */
    fun signature(): Signature {
        val key = store.privateKey(alias)
        return Signature.getInstance(ALGORITHM).apply { initSign(key) }
    }

    /** Takes the key away for good; one that the store keeps goes at the next start. */
    fun forget() = forgetKey(alias) { store }

    companion object {
        private const val ALGORITHM = "SHA256withECDSA"
    }
}

/**
 * One EC P-256 key for each account whose server takes one: in StrongBox where there is one, attested where the phone can,
 * bound to a strong biometric for every single use where one is set up, and then gone when another finger or face is
 * enrolled.
 *
 * Whose key is whose is not written down anywhere: the account has the public half.
 */
class SigningKeys(private val context: Context) {
    /**
     * Makes a key for an account that is to be added.
     *
     * @param challenge what the server wants attested
     * @param biometric whether it is to ask for a biometric
     * @throws GeneralSecurityException when the key store makes none
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
     * The account's key; nothing where it is not in the store any more.
     *
     * @throws GeneralSecurityException when the key store cannot be used
     */
    suspend fun of(account: Account): SigningKey? = inStore {
        val (jwk, key) = account.key?.let { it.jwk to it } ?: return@inStore null
        val store = store()
        val alias = aliases(store).find { jwk(store, it) == jwk } ?: return@inStore null
        SigningKey(alias, store, DeviceKey(jwk, key.level, key.presence))
    }

    /** Has the account's key sign what its server is asked with; nothing where the key is gone, cannot be used now, or asks for a person. */
    suspend fun signUnasked(account: Account?, toSign: ToSign): Signed? = try {
        val key = account?.let { of(it) }?.takeUnless { it.asksForBiometric }
        key?.let { inStore { toSign.signedBy(it.signature()) } }
    } catch (unable: GeneralSecurityException) {
        null
    }

    /** Takes away the keys of accounts that are no more. Not to be called while an account is being added. */
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
            // Not every phone can attest. The server decides whether it takes a key without.
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

    /** What became of it, as the store says, and not what was asked for. */
    private fun describe(store: KeyStore, alias: String, strongBox: Boolean): DeviceKey {
        val key = store.getKey(alias, null) as PrivateKey
        val info = KeyFactory.getInstance(key.algorithm, VaultKey.STORE).getKeySpec(key, KeyInfo::class.java)
        val presence = if (info.isUserAuthenticationRequired) UserPresence.BIOMETRIC else UserPresence.NONE
        // Without an attestation the store still makes one certificate, which says nothing. Of a chain that is more than a
        // registration holds, nothing is sent: the server decides whether it takes a key without.
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

    /** A chip may take a second. What it throws without declaring it is one kind of failure with the rest. */
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
