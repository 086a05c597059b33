#if canImport(LocalAuthentication)
import AuthenticatorModels
import LocalAuthentication

/// The system's biometric prompt. It comes first and separately: only then does a failing key prove that the key is
/// invalid.
struct BiometricPrompt: Sendable {
    /// The text of the prompt.
    let reason: String

    /// Returns a context in which the user has authenticated.
    ///
    /// - Throws: ``BiometricFailure``
    func pass() async throws -> LAContext {
        let context = LAContext()
        guard context.canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: nil) else { throw BiometricFailure.unavailable }
        do {
            guard try await context.evaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, localizedReason: reason)
            else { throw BiometricFailure.cancelled }
        } catch let error as LAError {
            switch error.code {
            case .userCancel, .systemCancel, .appCancel, .userFallback: throw BiometricFailure.cancelled
            default: throw BiometricFailure.unavailable
            }
        }
        return context
    }
}
#endif
