#if canImport(LocalAuthentication)
import AuthenticatorModels
import LocalAuthentication
import PushAuthenticator

/// Authenticates the owner of the device by biometric or passcode, for the app lock.
public struct Owner: OwnerCheck {
    private let reason: String

    /// - Parameter reason: the text of the prompt
    public init(reason: String) { self.reason = reason }

    public var canConfirm: Bool { LAContext().canEvaluatePolicy(.deviceOwnerAuthentication, error: nil) }

    public func confirm() async -> OwnerAnswer {
        do {
            return try await LAContext().evaluatePolicy(.deviceOwnerAuthentication, localizedReason: reason) ? .confirmed : .refused
        } catch let error as LAError where error.code == .passcodeNotSet {
            return .unprotected
        } catch {
            // The prompt failed.
            return .refused
        }
    }
}

/// What this device reports about itself.
public struct ThisDevice: DeviceState {
    public let name: String
    /// How likely it is that the device was tampered with, from 0 to 1, according to the app's own detection.
    private let tamperScore: @Sendable () -> Double

    public init(name: String, tamperScore: @escaping @Sendable () -> Double) {
        self.name = name
        self.tamperScore = tamperScore
    }

    public var facts: DeviceFacts {
        let hasBiometric = LAContext().canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: nil)
        return DeviceFacts(biometricAvailable: hasBiometric, tamperScore: tamperScore())
    }
}
#endif
