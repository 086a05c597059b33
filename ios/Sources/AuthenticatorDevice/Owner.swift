#if canImport(LocalAuthentication)
import AuthenticatorModels
import LocalAuthentication
import PushAuthenticator

/// Asks for the owner of the device by biometric or passcode: the app's own lock.
public struct Owner: OwnerCheck {
    private let reason: String

    /// - Parameter reason: what the prompt says
    public init(reason: String) { self.reason = reason }

    public var canConfirm: Bool { LAContext().canEvaluatePolicy(.deviceOwnerAuthentication, error: nil) }

    public func confirm() async -> OwnerAnswer {
        do {
            return try await LAContext().evaluatePolicy(.deviceOwnerAuthentication, localizedReason: reason) ? .confirmed : .refused
        } catch let error as LAError where error.code == .passcodeNotSet {
            return .unprotected
        } catch {
            // A prompt that was not passed.
            return .refused
        }
    }
}

/// What this device says about itself.
public struct ThisDevice: DeviceState {
    public let name: String
    /// How likely the device was tampered with, from 0 to 1: what an app's own detection says.
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
