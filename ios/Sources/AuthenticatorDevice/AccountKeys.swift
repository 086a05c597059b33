#if canImport(Security)
import AuthenticatorModels
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security

/// One key in the Secure Enclave for each account whose server accepts one. If a key requires a biometric, it is bound
/// to those currently enrolled and invalidated when they change. The mapping from accounts to keys is not stored: the
/// account has the public half.
public final class AccountKeys: SigningKeys {
    private static let prefix = "org.pushauthenticator.account."
    /// Where keys may block.
    private static let queue = DispatchQueue(label: "org.pushauthenticator.account-keys", qos: .userInitiated)
    private let accessGroup: String
    private let prompt: BiometricPrompt

    /// - Parameters:
    ///   - accessGroup: the app's keychain group
    ///   - reason: the text of the prompt
    public init(accessGroup: String, reason: String) {
        self.accessGroup = accessGroup
        prompt = BiometricPrompt(reason: reason)
    }

    public func make(asksForBiometric: Bool) async throws -> DeviceKey {
        let key = EnclaveKey(
            tag: Self.prefix + UUID().uuidString, accessGroup: accessGroup,
            protection: asksForBiometric ? kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly : kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
            flags: asksForBiometric ? [.privateKeyUsage, .biometryCurrentSet] : .privateKeyUsage)
        do {
            let point = try await blocking { try key.makePoint() }
            return DeviceKey(point: point, level: .secureEnclave, presence: asksForBiometric ? .biometric : .none)
        } catch is EnclaveKey.Failure {
            throw BiometricFailure.unavailable
        }
    }

    public func sign(_ bytes: Data, with jwk: String, asksForBiometric: Bool) async throws -> Data {
        let context = asksForBiometric ? try await prompt.pass() : nil
        do {
            return try await blocking { [accessGroup] in
                guard let key = try EnclaveKey.all(accessGroup: accessGroup).first(where: { Self.isAccounts($0) && $0.jwk == jwk })
                else { throw EnclaveKey.Failure.missing }
                return try EnclaveKey.sign(bytes, tag: key.tag, accessGroup: accessGroup, context: context)
            }
        } catch EnclaveKey.Failure.missing, EnclaveKey.Failure.refused {
            throw BiometricFailure.invalidated
        } catch is EnclaveKey.Failure {
            throw BiometricFailure.unavailable
        }
    }

    public func remove(_ jwk: String) { remove { $0.jwk == jwk } }

    public func keepOnly(_ jwks: Set<String>) { remove { !jwks.contains($0.jwk) } }

    private func remove(_ isMeant: (EnclaveKey.Listed) -> Bool) {
        // What cannot be listed now stays until next time and does no harm.
        for key in (try? EnclaveKey.all(accessGroup: accessGroup)) ?? [] where Self.isAccounts(key) && isMeant(key) {
            EnclaveKey.remove(tag: key.tag, accessGroup: accessGroup)
        }
    }

    private static func isAccounts(_ key: EnclaveKey.Listed) -> Bool { key.tag.starts(with: Data(prefix.utf8)) }

    private func blocking<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result(catching: work)) }
        }
    }
}
#endif
