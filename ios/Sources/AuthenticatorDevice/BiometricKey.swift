#if canImport(Security)
import AuthenticatorModels
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security

/// The biometric key, in the Secure Enclave: bound to the biometrics that are enrolled now, and gone when they change.
public final class BiometricKey: Biometrics {
    /// Where the key may block.
    private static let queue = DispatchQueue(label: "org.pushauthenticator.biometric", qos: .userInitiated)
    private let key: EnclaveKey
    private let prompt: BiometricPrompt

    /// - Parameters:
    ///   - accessGroup: the keychain group of the app
    ///   - reason: what the prompt says
    public init(accessGroup: String, reason: String) {
        key = EnclaveKey(
            tag: "org.pushauthenticator.biometric", accessGroup: accessGroup,
            protection: kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly, flags: [.privateKeyUsage, .biometryCurrentSet])
        prompt = BiometricPrompt(reason: reason)
    }

    public func wrap(slot: Data) throws -> Data {
        do {
            return try key.encrypt(slot)
        } catch {
            throw PlatformKeyError.Unavailable
        }
    }

    public func unwrap(_ wrapped: Data) async throws -> Data {
        let context = try await prompt.pass()
        do {
            return try await decrypt(wrapped, context)
        } catch EnclaveKey.Failure.missing, EnclaveKey.Failure.refused {
            // It can never work again; the next account is bound to a new one.
            key.remove()
            throw BiometricFailure.invalidated
        } catch is EnclaveKey.Failure {
            throw BiometricFailure.unavailable
        }
    }

    private func decrypt(_ wrapped: Data, _ context: LAContext) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try self.key.decrypt(wrapped, context: context) }) }
        }
    }
}
#endif
