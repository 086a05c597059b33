package org.pushauthenticator

import java.math.BigInteger
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.util.Base64

/** Length of a coordinate on P-256, in bytes. */
private const val COORDINATE = 32

/** Most certificates of an attestation, and how much they may be together, in bytes. */
private const val CERTIFICATES = 10
private const val CERTIFICATES_LIMIT = 8 * 1024

/**
 * A key store's certificates, in DER and the key's own first, as [DeviceKey.attestation] takes them: nothing where there are
 * more than a registration holds. Whether a key is taken without is the server's to say.
 */
public fun attestationOf(chain: List<ByteArray>): List<ByteArray>? =
    chain.takeIf { it.size <= CERTIFICATES && it.sumOf(ByteArray::size) <= CERTIFICATES_LIMIT }

/**
 * This public key as a JWK, the form of [DeviceKey.jwk] and [AccountKey.jwk]: an account's key is the one whose text is
 * the same. A key on another curve is refused by the core.
 */
public val ECPublicKey.jwk: String
    get() = """{"crv":"P-256","kty":"EC","x":"${coordinate(w.affineX)}","y":"${coordinate(w.affineY)}"}"""

/**
 * Has these bytes signed. [signature] is one for `SHA256withECDSA` that was initialised with the account's private key;
 * where the key asks for a person, this is called after the prompt allowed it.
 *
 * @throws java.security.SignatureException when the key does not sign
 */
public fun ToSign.signedBy(signature: Signature): Signed {
    signature.update(bytes)
    return Signed(bytes, KeySignature.Der(signature.sign()))
}

/** Whether the app has to have every answer of this account signed by the key that it holds for it. */
public val Account.needsSignature: Boolean get() = key?.isSoftware == false

private fun coordinate(number: BigInteger): String {
    val bytes = number.toByteArray().dropWhile { it == 0.toByte() }.toByteArray()
    val filled = ByteArray((COORDINATE - bytes.size).coerceAtLeast(0)) + bytes
    return Base64.getUrlEncoder().withoutPadding().encodeToString(filled)
}
