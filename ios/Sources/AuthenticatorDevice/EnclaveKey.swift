#if canImport(Security)
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security

/// A key in the Secure Enclave, identified by its tag. Its private half never leaves the Enclave; decryption and
/// signing happen inside. Independent of what is decrypted or signed.
struct EnclaveKey {
    /// What the keychain lists about a key, without using it.
    struct Listed {
        let tag: Data
        /// The public half.
        let jwk: String
    }

    enum Failure: Error, Equatable {
        /// There is no such key.
        case missing
        /// The device has not been unlocked yet, or the key store is busy.
        case unavailable
        /// The key cannot be used for this: it is a different key, or the system invalidated it.
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

    /// - Parameter context: has already satisfied the key's prompt, if the key requires the user
    func decrypt(_ sealed: Data, context: LAContext?) throws -> Data {
        let key = try find(context: context)
        var error: Unmanaged<CFError>?
        guard let plain = SecKeyCreateDecryptedData(key, Self.algorithm, sealed as CFData, &error) else { throw Self.failure(error) }
        return plain as Data
    }

    func remove() { Self.remove(tag: Data(tag.utf8), accessGroup: accessGroup) }

    /// Makes the key and returns its public half: the uncompressed point of X9.63.
    func makePoint() throws -> Data {
        guard let point = Self.point(of: try make()) else { throw Failure.refused }
        return point
    }

    /// Returns all keys of a keychain group with their public halves. Only lists; never prompts.
    static func all(accessGroup: String) throws -> [Listed] {
        try items(accessGroup).compactMap { tag, key in point(of: key).map { Listed(tag: tag, jwk: DeviceKey.jwk(point: $0)) } }
    }

    /// Returns the tags of all keys of a keychain group.
    static func tags(accessGroup: String) throws -> [Data] { try items(accessGroup).map(\.0) }

    private static func items(_ accessGroup: String) throws -> [(Data, SecKey)] {
        let query: [String: Any] = [
            kSecClass as String: kSecClassKey,
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrAccessGroup as String: accessGroup,
            kSecMatchLimit as String: kSecMatchLimitAll,
            kSecReturnAttributes as String: true,
            kSecReturnRef as String: true,
        ]
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess: break
        case errSecItemNotFound: return []
        default: throw Failure.unavailable
        }
        return (found as? [[String: Any]] ?? []).compactMap { item in
            guard let tag = item[kSecAttrApplicationTag as String] as? Data, let reference = item[kSecValueRef as String] else { return nil }
            // The query asks for keys, and Swift cannot check a cast to this Core Foundation type.
            return (tag, reference as! SecKey)
        }
    }

    /// Returns an ECDSA signature with SHA-256, in DER.
    ///
    /// - Parameter context: has already satisfied the key's prompt, if the key requires the user
    static func sign(_ bytes: Data, tag: Data, accessGroup: String, context: LAContext?) throws -> Data {
        let key = try find(tag: tag, accessGroup: accessGroup, context: context)
        var error: Unmanaged<CFError>?
        guard let signature = SecKeyCreateSignature(key, .ecdsaSignatureMessageX962SHA256, bytes as CFData, &error) else {
            throw failure(error)
        }
        return signature as Data
    }

    static func remove(tag: Data, accessGroup: String) { _ = SecItemDelete(query(tag, accessGroup) as CFDictionary) }

    private static func query(_ tag: Data, _ accessGroup: String) -> [String: Any] {
        [
            kSecClass as String: kSecClassKey,
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrApplicationTag as String: tag,
            kSecAttrAccessGroup as String: accessGroup,
        ]
    }

    private static func point(of key: SecKey) -> Data? {
        SecKeyCopyPublicKey(key).flatMap { SecKeyCopyExternalRepresentation($0, nil) as Data? }
    }

    private func find(context: LAContext?) throws -> SecKey {
        try Self.find(tag: Data(tag.utf8), accessGroup: accessGroup, context: context)
    }

    private static func find(tag: Data, accessGroup: String, context: LAContext?) throws -> SecKey {
        var query = query(tag, accessGroup)
        query[kSecReturnRef as String] = true
        if let context { query[kSecUseAuthenticationContext as String] = context }
        var found: CFTypeRef?
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess:
            guard let found else { throw Failure.missing }
            // The query asks for a key, and Swift cannot check a cast to this Core Foundation type.
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
