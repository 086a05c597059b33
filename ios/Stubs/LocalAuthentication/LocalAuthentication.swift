// Stub for the parts of Apple's LocalAuthentication that AuthenticatorDevice uses, for systems without it. Returns what
// a test specifies.
import Foundation

public enum LAPolicy: Sendable { case deviceOwnerAuthenticationWithBiometrics, deviceOwnerAuthentication }

public struct LAError: Error {
    public enum Code: Int, Sendable {
        case authenticationFailed = -1, userCancel = -2, userFallback = -3, systemCancel = -4, passcodeNotSet = -5, biometryNotEnrolled = -7
        case biometryLockout = -8, appCancel = -9
    }

    public let code: Code
    public init(_ code: Code) { self.code = code }
}

/// The results of every context.
public final class StubOwner: @unchecked Sendable {
    public static let shared = StubOwner()
    private let lock = NSLock()
    private var answers: (hasBiometric: Bool, failure: LAError.Code?) = (true, nil)

    public func set(hasBiometric: Bool = true, failure: LAError.Code? = nil) { lock.withLock { answers = (hasBiometric, failure) } }
    var current: (hasBiometric: Bool, failure: LAError.Code?) { lock.withLock { answers } }
}

open class LAContext: @unchecked Sendable {
    public init() {}

    public func canEvaluatePolicy(_ policy: LAPolicy, error _: UnsafeMutablePointer<NSError?>?) -> Bool {
        let owner = StubOwner.shared.current
        return policy == .deviceOwnerAuthentication ? owner.failure != .passcodeNotSet : owner.hasBiometric
    }

    public func evaluatePolicy(_: LAPolicy, localizedReason _: String) async throws -> Bool {
        if let failure = StubOwner.shared.current.failure { throw LAError(failure) }
        return true
    }
}
