#if canImport(Security)
import Foundation
import LocalAuthentication
import Security

/// A key in the Secure Enclave, by its tag. Its private half never leaves it; what was encrypted for its public half is
/// decrypted in there. Knows nothing of what is encrypted.
struct EnclaveKey {
    enum Failure: Error, Equatable {
        /// There is no such key.
        case missing
        /// The device was not unlocked yet, or the key store is busy.
        case unavailable
        /// The key cannot decrypt this: it is another key, or one that the system made invalid.
        case refused
    }

    private static let algorithm = SecKeyAlgorithm.eciesEncryptionCofactorVariableIVX963SHA256AESGCM
    let tag: String
    /// Shared by an app and its extensions.
    let accessGroup: String
    let protection: CFString
    let flags: SecAccessControlCreateFlags

    func encrypt(_ plain: Data) throws -> Data {
        let key: SecKey
        do {
            key = try find(context: nil)
        } catch Failure.missing {
            key = try make()
        }
        guard let publicKey = SecKeyCopyPublicKey(key) else { throw Failure.refused }
        var error: Unmanaged<CFError>?
        guard let sealed = SecKeyCreateEncryptedData(publicKey, Self.algorithm, plain as CFData, &error) else { throw Self.failure(error) }
        return sealed as Data
    }

    /// - Parameter context: has passed what the key asks for, where it asks a person
    func decrypt(_ sealed: Data, context: LAContext?) throws -> Data {
        let key = try find(context: context)
        var error: Unmanaged<CFError>?
        guard let plain = SecKeyCreateDecryptedData(key, Self.algorithm, sealed as CFData, &error) else { throw Self.failure(error) }
        return plain as Data
    }

    func remove() { _ = SecItemDelete(query as CFDictionary) }

    private var query: [String: Any] {
        [
            kSecClass as String: kSecClassKey,
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrApplicationTag as String: Data(tag.utf8),
            kSecAttrAccessGroup as String: accessGroup,
        ]
    }

    private func find(context: LAContext?) throws -> SecKey {
        var query = query
        query[kSecReturnRef as String] = true
        if let context { query[kSecUseAuthenticationContext as String] = context }
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess:
            guard let found else { throw Failure.missing }
            // The query asks for a key, and this type of Apple's knows no cast that could fail.
            return found as! SecKey
        case errSecItemNotFound: throw Failure.missing
        default: throw Failure.unavailable
        }
    }

    private func make() throws -> SecKey {
        guard let access = SecAccessControlCreateWithFlags(kCFAllocatorDefault, protection, flags, nil) else { throw Failure.unavailable }
        let attributes: [String: Any] = [
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits as String: 256,
            kSecAttrTokenID as String: kSecAttrTokenIDSecureEnclave,
            kSecPrivateKeyAttrs as String: [
                kSecAttrIsPermanent as String: true,
                kSecAttrApplicationTag as String: Data(tag.utf8),
                kSecAttrAccessGroup as String: accessGroup,
                kSecAttrAccessControl as String: access,
            ] as [String: Any],
        ]
        var error: Unmanaged<CFError>?
        guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &error) else { throw Self.failure(error) }
        return key
    }

    private static func failure(_ error: Unmanaged<CFError>?) -> Failure {
        guard let error = error?.takeRetainedValue() as? NSError else { return .unavailable }
        switch (error.domain, error.code) {
        case (NSOSStatusErrorDomain, Int(errSecParam)), (NSOSStatusErrorDomain, Int(errSecAuthFailed)): return .refused
        default: return .unavailable
        }
    }
}
#endif
