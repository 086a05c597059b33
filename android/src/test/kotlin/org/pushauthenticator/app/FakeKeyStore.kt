package org.pushauthenticator.app

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.io.InputStream
import java.io.OutputStream
import java.security.AlgorithmParameters
import java.security.Key
import java.security.KeyFactorySpi
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreException
import java.security.KeyStoreSpi
import java.security.PrivateKey
import java.security.Provider
import java.security.ProviderException
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Security
import java.security.Signature
import java.security.SignatureException
import java.security.SignatureSpi
import java.security.UnrecoverableKeyException
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.security.spec.KeySpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.KeyGenerator
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

/**
 * Stands in for the Android Keystore, which a JVM lacks: stores keys by alias, records what was requested, returns
 * bound keys that work only inside a prompt that succeeded, and can invalidate them as a new fingerprint does.
 */
class FakeKeyStore : Provider("AndroidKeyStore", "1", "for tests") {
    init {
        put("KeyStore.AndroidKeyStore", Store::class.java.name)
        put("KeyGenerator.AES", Aes::class.java.name)
        put("KeyPairGenerator.RSA", Rsa::class.java.name)
        put("KeyPairGenerator.EC", Ec::class.java.name)
        put("KeyFactory.EC", Infos::class.java.name)
        put("Signature.SHA256withECDSA", BoundSignature::class.java.name)
        put("Signature.SHA256withECDSA SupportedKeyClasses", BoundKey::class.java.name)
        put("Cipher.RSA/ECB/OAEPPadding", BoundCipher::class.java.name)
        put("Cipher.RSA/ECB/OAEPPadding SupportedKeyClasses", BoundKey::class.java.name)
    }

    companion object {
        val specs = mutableListOf<KeyGenParameterSpec>()
        val secrets = mutableMapOf<String, SecretKey>()
        val pairs = mutableMapOf<String, KeyPair>()

        /**
         * The provider of the underlying keys: of those that Robolectric puts first, the one that supports the curve.
         */
        private const val REAL = "BC"
        private val USUAL_ISSUERS = List(2) { ByteArray(600) }

        var hasStrongBox = false

        /** Whether keys can be attested, and whether keys on P-256 can be made at all. */
        var attests = true
        var makesSigningKeys = true

        /** The certificates after an attested key's own. */
        var issuers = USUAL_ISSUERS

        /** Aliases of accounts' own keys. */
        val signing get() = pairs.keys.filter { it.startsWith("account-") }

        /** Aliases of the keys that wrap slots. */
        val biometric get() = pairs.keys.filter { it.startsWith("biometric") }

        /** Whether an invalidated key is returned and fails on use; the real store may also report it on loading. */
        var handsOutInvalidated = true

        /** The store fails temporarily: it returns no key, or deletes none. */
        var isBusy = false
        var keepsAll = false

        fun install() {
            attests = true
            makesSigningKeys = true
            issuers = USUAL_ISSUERS
            specs.clear()
            secrets.clear()
            pairs.clear()
            hasStrongBox = false
            handsOutInvalidated = true
            isBusy = false
            keepsAll = false
            Security.removeProvider("AndroidKeyStore")
            Security.insertProviderAt(FakeKeyStore(), 1)
        }

        /** Makes a store that supports no elliptic curves, permanently. */
        fun knowsNoCurves() = Security.getProvider("AndroidKeyStore").remove("KeyPairGenerator.EC")

        /** Another fingerprint was enrolled. */
        fun invalidate(alias: String) {
            val pair = pairs.getValue(alias)
            val key = pair.private as BoundKey
            pairs[alias] = KeyPair(pair.public, BoundKey(key.real, key.spec, true))
        }

        private fun take(spec: KeyGenParameterSpec) {
            specs += spec
            if (spec.isStrongBoxBacked && !hasStrongBox) throw StrongBoxUnavailableException("none")
        }
    }

    class Aes : KeyGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec
        override fun engineInit(random: SecureRandom?) = Unit
        override fun engineInit(size: Int, random: SecureRandom?) = Unit
        override fun engineInit(given: AlgorithmParameterSpec?, random: SecureRandom?) {
            spec = given as KeyGenParameterSpec
        }

        override fun engineGenerateKey(): SecretKey {
            take(spec)
            val key = KeyGenerator.getInstance("AES", "SunJCE").apply { init(spec.keySize) }.generateKey()
            secrets[spec.keystoreAlias] = key
            return key
        }
    }

    class Rsa : KeyPairGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec
        override fun initialize(size: Int, random: SecureRandom?) = Unit
        override fun initialize(given: AlgorithmParameterSpec?, random: SecureRandom?) {
            spec = given as KeyGenParameterSpec
        }

        override fun generateKeyPair(): KeyPair {
            take(spec)
            val real = KeyPairGenerator.getInstance("RSA", "SunRsaSign").apply { initialize(spec.keySize) }.generateKeyPair()
            return KeyPair(real.public, BoundKey(real.private, spec, false)).also { pairs[spec.keystoreAlias] = it }
        }
    }

    class Ec : KeyPairGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec
        override fun initialize(size: Int, random: SecureRandom?) = Unit
        override fun initialize(given: AlgorithmParameterSpec?, random: SecureRandom?) {
            spec = given as KeyGenParameterSpec
        }

        override fun generateKeyPair(): KeyPair {
            take(spec)
            if (!makesSigningKeys) throw ProviderException("no such keys")
            if (!attests && spec.attestationChallenge != null) throw ProviderException("no attestation")
            val real = KeyPairGenerator.getInstance("EC", REAL).apply { initialize(spec.algorithmParameterSpec) }.generateKeyPair()
            return KeyPair(real.public, BoundKey(real.private, spec, false)).also { pairs[spec.keystoreAlias] = it }
        }
    }

    /** The store's information about a key. */
    class Infos : KeyFactorySpi() {
        override fun <T : KeySpec> engineGetKeySpec(key: Key, type: Class<T>): T {
            val spec = (key as BoundKey).spec
            // Apps cannot see the constructor, which grows with every version; the parameters used here keep their
            // positions.
            val made = KeyInfo::class.java.declaredConstructors.first { it.parameterCount > 0 }
            var booleans = 0
            val arguments = made.parameterTypes.map { parameter ->
                when (parameter) {
                    Boolean::class.javaPrimitiveType -> if (booleans++ == 0) true else booleans == 2 && spec.isUserAuthenticationRequired
                    Int::class.javaPrimitiveType -> 0
                    else -> null
                }
            }.toTypedArray<Any?>()
            val level = if (spec.isStrongBoxBacked) KeyProperties.SECURITY_LEVEL_STRONGBOX else KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) arguments[arguments.size - 2] = level
            return type.cast(made.apply { isAccessible = true }.newInstance(*arguments))!!
        }

        override fun engineGeneratePublic(spec: KeySpec?) = throw UnsupportedOperationException()
        override fun engineGeneratePrivate(spec: KeySpec?) = throw UnsupportedOperationException()
        override fun engineTranslateKey(key: Key?) = throw UnsupportedOperationException()
    }

    class BoundSignature : SignatureSpi() {
        private val real = Signature.getInstance("SHA256withECDSA", REAL)
        private lateinit var key: BoundKey

        override fun engineInitSign(given: PrivateKey?) {
            val bound = given as? BoundKey ?: throw java.security.InvalidKeyException("no key of this store")
            if (bound.invalidated) throw KeyPermanentlyInvalidatedException()
            real.initSign(bound.real)
            key = bound
        }

        override fun engineUpdate(byte: Byte) = real.update(byte)
        override fun engineUpdate(bytes: ByteArray, offset: Int, length: Int) = real.update(bytes, offset, length)
        override fun engineSign(): ByteArray {
            if (key.spec.isUserAuthenticationRequired) {
                if (!ShadowBiometricPrompt.isOpen) throw SignatureException(UserNotAuthenticatedException())
                ShadowBiometricPrompt.isOpen = false
            }
            return real.sign()
        }

        override fun engineInitVerify(key: PublicKey?) = throw java.security.InvalidKeyException("signs only")
        override fun engineVerify(bytes: ByteArray?) = throw UnsupportedOperationException()
        @Deprecated("as in the class above") override fun engineSetParameter(name: String?, value: Any?) = throw UnsupportedOperationException()
        @Deprecated("as in the class above") override fun engineGetParameter(name: String?) = throw UnsupportedOperationException()
    }

    /** A private key that reveals nothing about itself. */
    class BoundKey(val real: PrivateKey, val spec: KeyGenParameterSpec, val invalidated: Boolean) : PrivateKey {
        override fun getAlgorithm(): String = real.algorithm
        override fun getFormat(): String? = null
        override fun getEncoded(): ByteArray? = null
    }

    class BoundCipher : CipherSpi() {
        private val real = Cipher.getInstance("RSA/ECB/OAEPPadding", "SunJCE")
        private var key: BoundKey? = null
        override fun engineInit(mode: Int, given: Key?, random: SecureRandom?) = throw UnsupportedOperationException()
        override fun engineInit(mode: Int, given: Key?, parameters: AlgorithmParameters?, random: SecureRandom?) =
            throw UnsupportedOperationException()

        override fun engineInit(mode: Int, given: Key?, parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
            val bound = given as? BoundKey ?: throw java.security.InvalidKeyException("no key of this store")
            if (bound.invalidated) throw KeyPermanentlyInvalidatedException()
            real.init(mode, bound.real, parameters)
            key = bound
        }

        override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int): ByteArray {
            if (!ShadowBiometricPrompt.isOpen) throw javax.crypto.IllegalBlockSizeException().apply { initCause(UserNotAuthenticatedException()) }
            ShadowBiometricPrompt.isOpen = false
            return real.doFinal(input, offset, length)
        }

        override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int, output: ByteArray?, at: Int) = throw UnsupportedOperationException()
        override fun engineUpdate(input: ByteArray?, offset: Int, length: Int) = throw UnsupportedOperationException()
        override fun engineUpdate(input: ByteArray?, offset: Int, length: Int, output: ByteArray?, at: Int) = throw UnsupportedOperationException()
        override fun engineSetMode(mode: String?) = Unit
        override fun engineSetPadding(padding: String?) = Unit
        override fun engineGetBlockSize() = 0
        override fun engineGetOutputSize(length: Int) = 256
        override fun engineGetIV(): ByteArray? = null
        override fun engineGetParameters(): AlgorithmParameters? = null
    }

    class Store : KeyStoreSpi() {
        override fun engineGetKey(alias: String, password: CharArray?): Key? {
            if (isBusy) throw UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(KeyStoreException("busy")) }
            val private = pairs[alias]?.private
            if (!handsOutInvalidated && (private as? BoundKey)?.invalidated == true) throw UnrecoverableKeyException("Key permanently invalidated")
            return secrets[alias] ?: private
        }

        override fun engineGetCertificate(alias: String): Certificate? = pairs[alias]?.let { Bare(it.public) }
        override fun engineDeleteEntry(alias: String) {
            if (keepsAll) throw KeyStoreException("Failed to delete entry")
            secrets.remove(alias)
            pairs.remove(alias)
        }

        override fun engineContainsAlias(alias: String) = alias in secrets || alias in pairs
        override fun engineAliases(): Enumeration<String> = Collections.enumeration(secrets.keys + pairs.keys)
        override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit
        override fun engineStore(stream: OutputStream?, password: CharArray?) = Unit
        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = pairs[alias]?.let { pair ->
            val attested = (pair.private as BoundKey).spec.attestationChallenge != null
            val own = Bare(pair.public)
            (listOf(own) + issuers.takeIf { attested }.orEmpty().map { Bare(pair.public, it) }).toTypedArray()
        }
        override fun engineGetCreationDate(alias: String): Date? = null
        override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?) = Unit
        override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<Certificate>?) = Unit
        override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = Unit
        override fun engineSize() = secrets.size + pairs.size
        override fun engineIsKeyEntry(alias: String) = engineContainsAlias(alias)
        override fun engineIsCertificateEntry(alias: String) = false
        override fun engineGetCertificateAlias(certificate: Certificate): String? = null
    }

    /** Contains only a public key. */
    class Bare(private val key: PublicKey, private val content: ByteArray = key.encoded) : Certificate("bare") {
        override fun getPublicKey() = key
        override fun getEncoded(): ByteArray = content
        override fun verify(key: PublicKey) = Unit
        override fun verify(key: PublicKey, provider: String) = Unit
        override fun toString() = "bare"
    }
}
