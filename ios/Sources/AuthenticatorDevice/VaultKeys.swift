#if canImport(Security)
import Foundation
import PushAuthenticator
import Security

/// The key of the vault, in the Secure Enclave. It asks no person, and works while the device is locked after its first
/// unlock, so that pushes can be received. It stays on this device.
public final class VaultKeys: PlatformKeys {
    private let key: EnclaveKey

    /// - Parameter accessGroup: the keychain group of the app and its extensions
    public init(accessGroup: String) {
        key = EnclaveKey(
            tag: "org.pushauthenticator.vault", accessGroup: accessGroup,
            protection: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, flags: .privateKeyUsage)
    }

    public func wrap(dataKey: Data) throws -> Data { try translated { try key.encrypt(dataKey) } }

    public func unwrap(wrapped: Data) throws -> Data { try translated { try key.decrypt(wrapped, context: nil) } }

    /// *Invalid* tells the person that the accounts are lost, so it is said of a key that is not there or does not fit only.
    private func translated(_ work: () throws -> Data) throws -> Data {
        do {
            return try work()
        } catch EnclaveKey.Failure.missing, EnclaveKey.Failure.refused {
            throw PlatformKeyError.Invalid
        } catch is EnclaveKey.Failure {
            throw PlatformKeyError.Unavailable
        }
    }
}
#endif
