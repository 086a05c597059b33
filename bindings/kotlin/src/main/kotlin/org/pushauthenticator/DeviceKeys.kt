package org.pushauthenticator

import java.math.BigInteger
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.util.Base64

/** Length of a coordinate on P-256, in bytes. */
private const val COORDINATE = 32

/** Most certificates in an attestation, and their total size in bytes. */
private const val CERTIFICATES = 10
private const val CERTIFICATES_LIMIT = 8 * 1024

/**
 * Returns a key store's certificates as [DeviceKey.attestation] takes them: DER, the key's own certificate first.
 * Returns null if the chain exceeds what a registration can hold; the server then decides whether it accepts a key
 * without an attestation.
 */
public fun attestationOf(chain: List<ByteArray>): List<ByteArray>? =
    chain.takeIf { it.size <= CERTIFICATES && it.sumOf(ByteArray::size) <= CERTIFICATES_LIMIT }

/**
 * This public key as a JWK, in the form of [DeviceKey.jwk] and [AccountKey.jwk]. An account's key is the one with the
 * identical text. The core rejects keys on other curves.
 */
public val ECPublicKey.jwk: String
    get() = """{"crv":"P-256","kty":"EC","x":"${coordinate(w.affineX)}","y":"${coordinate(w.affineY)}"}"""

/**
 * Signs these bytes with [signature], a `SHA256withECDSA` signature that was initialized with the account's private
 * key. If the key requires the user's presence, call this after the prompt succeeded.
 *
 * @throws java.security.SignatureException when the key does not sign
 */
public fun ToSign.signedBy(signature: Signature): Signed {
    signature.update(bytes)
    return Signed(bytes, KeySignature.Der(signature.sign()))
}

/** Whether the app must sign every answer of this account with the key that it holds for it. */
public val Account.needsSignature: Boolean get() = key?.isSoftware == false

private fun coordinate(number: BigInteger): String {
    val bytes = number.toByteArray().dropWhile { it == 0.toByte() }.toByteArray()
    val filled = ByteArray((COORDINATE - bytes.size).coerceAtLeast(0)) + bytes
    return Base64.getUrlEncoder().withoutPadding().encodeToString(filled)
}
