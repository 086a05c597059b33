#if canImport(Security)
import AuthenticatorModels
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security

/// The biometric keys in the Secure Enclave, one for each account. Each is bound to the biometrics that are enrolled
/// when it is made, and invalidated when they change. Accounts never share a key, so losing one affects no other
/// account. Wrapped data begins with the name of its key.
public final class BiometricKey: Biometrics {
    private static let prefix = "org.pushauthenticator.biometric."
    private static let nameLength = UUID().uuidString.utf8.count
    /// Where the keys may block.
    private static let queue = DispatchQueue(label: "org.pushauthenticator.biometric", qos: .userInitiated)
    private let accessGroup: String
    private let prompt: BiometricPrompt

    /// - Parameters:
    ///   - accessGroup: the app's keychain group
    ///   - reason: the text of the prompt
    public init(accessGroup: String, reason: String) {
        self.accessGroup = accessGroup
        prompt = BiometricPrompt(reason: reason)
    }

    public func wrap(slot: Data) throws -> Data {
        let name = Data(UUID().uuidString.utf8)
        do {
            return name + (try key(name).encrypt(slot))
        } catch {
            throw PlatformKeyError.Unavailable
        }
    }

    public func unwrap(_ wrapped: Data) async throws -> Data {
        let context = try await prompt.pass()
        let key = key(wrapped.prefix(Self.nameLength))
        do {
            return try await decrypt(wrapped.dropFirst(Self.nameLength), key, context)
        } catch EnclaveKey.Failure.missing, EnclaveKey.Failure.refused {
            // The key can never work again; adding the account again binds it to a new one.
            key.remove()
            throw BiometricFailure.invalidated
        } catch is EnclaveKey.Failure {
            throw BiometricFailure.unavailable
        }
    }

    public func keepOnly(_ wrapped: [Data]) {
        let kept = Set(wrapped.map { Data(Self.prefix.utf8) + $0.prefix(Self.nameLength) })
        // What cannot be listed now stays until next time and does no harm.
        let tags = ((try? EnclaveKey.tags(accessGroup: accessGroup)) ?? []).filter { $0.starts(with: Data(Self.prefix.utf8)) }
        for tag in tags where !kept.contains(tag) { EnclaveKey.remove(tag: tag, accessGroup: accessGroup) }
    }

    private func key(_ name: Data) -> EnclaveKey {
        EnclaveKey(
            tag: Self.prefix + String(decoding: name, as: UTF8.self), accessGroup: accessGroup,
            protection: kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly, flags: [.privateKeyUsage, .biometryCurrentSet])
    }

    private func decrypt(_ sealed: Data, _ key: EnclaveKey, _ context: LAContext) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try key.decrypt(Data(sealed), context: context) }) }
        }
    }
}
#endif
