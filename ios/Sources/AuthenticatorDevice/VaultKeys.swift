#if canImport(Security)
import Foundation
import PushAuthenticator
import Security

/// The vault's key, in the Secure Enclave. It never prompts, and it works while the device is locked after its first
/// unlock, so that pushes can be received. It never leaves this device.
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

    /// `Invalid` tells the user that the accounts are lost, so it is thrown only for a key that does not exist or does
    /// not match.
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
