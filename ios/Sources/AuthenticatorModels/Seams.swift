import Foundation
import PushAuthenticator

/// Keys that are bound to the user's biometric. Wrapping does not prompt; unwrapping does.
public protocol Biometrics: SlotWrapper {
    /// Unwraps the result of ``SlotWrapper/wrap(slot:)`` once the user has passed the prompt.
    ///
    /// - Throws: ``BiometricFailure``
    func unwrap(_ wrapped: Data) async throws -> Data
    /// Removes every key except those that wrapped these slots.
    func keepOnly(_ wrapped: [Data])
}

/// Accounts' own keys, in the device's hardware.
public protocol SigningKeys: Sendable {
    /// Makes a key for an account that is about to be added.
    ///
    /// - Throws: ``BiometricFailure``
    func make(asksForBiometric: Bool) async throws -> DeviceKey
    /// Signs with an account's key, after the user has passed the prompt if the key requires one. The signature is in
    /// DER.
    ///
    /// - Parameter jwk: the public half
    /// - Throws: ``BiometricFailure``; a key that no longer exists counts as invalidated
    func sign(_ bytes: Data, with jwk: String, asksForBiometric: Bool) async throws -> Data
    /// Removes a key permanently.
    func remove(_ jwk: String)
    /// Removes every other key.
    func keepOnly(_ jwks: Set<String>)
}

/// Why a key that may require the user was not used.
public enum BiometricFailure: Error, Equatable, Sendable {
    /// The user or the system dismissed the prompt.
    case cancelled
    /// The enrolled biometrics have changed, and the key is permanently gone.
    case invalidated
    /// Not possible now: too many attempts, or no biometric is enrolled.
    case unavailable
}

/// What the device reports about itself.
public protocol DeviceState: Sendable {
    /// The name that the user's list of devices shows.
    var name: String { get }
    var facts: DeviceFacts { get }
}

/// Checks that the owner of the device is holding it, by biometric or passcode.
public protocol OwnerCheck: Sendable {
    /// Whether the device can authenticate its owner at all, that is, has a passcode.
    var canConfirm: Bool { get }
    func confirm() async -> OwnerAnswer
}

public enum OwnerAnswer: Sendable {
    case confirmed
    case refused
    /// The device has no passcode: anyone who holds it counts as the owner, and a lock would lock everybody out.
    case unprotected
}

/// The system's notification center.
public protocol AlertCenter: Sendable {
    /// Returns whether the user or the device's settings have turned notifications off. False if the user has not been
    /// asked yet.
    func areOff() async -> Bool
    /// Returns the ids of the sign-on requests that have notifications.
    func shown() async -> Set<String>
    func post(_ alert: PushIntake.Alert) async
    /// Removes the notifications of these sign-on requests.
    func remove(_ requestIds: Set<String>) async
}

/// The time that the system grants an app that left the foreground.
@MainActor public protocol BackgroundTime: AnyObject, Sendable {
    /// Requests time.
    ///
    /// - Parameter expired: called when the time is nearly over
    /// - Returns: nil if the system grants none
    func begin(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int?
    /// Returns time that is no longer needed.
    func end(_ granted: Int)
}

/// Where settings are stored. They contain no secrets.
public protocol SettingsStore: Sendable {
    func load() -> Settings
    func save(_ settings: Settings)
}

public struct Settings: Codable, Equatable, Sendable {
    /// Whether the app asks its owner to authenticate whenever it comes to the foreground.
    public var appLock = false
    /// How many settled sign-ons are kept; nil keeps all.
    public var historyCount: UInt32?
    /// How many days they are kept; nil keeps them forever.
    public var historyDays: UInt32?
    /// Identifies this phone to servers whose messages it fetches; made once.
    public var ownToken = UUID().uuidString
    /// The APNs token, if there is one.
    public var pushToken: String?

    public init() {}

    var retention: Retention { Retention(count: historyCount, days: historyDays) }
}

/// What the models work with once the vault is open.
public struct Services: Sendable {
    public let phone: Phone
    public let courier: Courier
    public let device: any DeviceState
    public let settings: any SettingsStore
    private let heldBiometrics: (any Biometrics)?
    /// Nil if the device has no hardware for keys.
    public let signingKeys: (any SigningKeys)?
    /// Nil if the app cannot be attested.
    public let appAttest: (any AppAttestService)?
    /// Nil if the system shows no notifications.
    public let alerts: (any AlertCenter)?
    /// For work that must finish after the app leaves the foreground.
    public private(set) var background = BackgroundWork()

    public init(
        phone: Phone, courier: Courier, device: any DeviceState, settings: any SettingsStore, biometrics: (any Biometrics)?,
        signingKeys: (any SigningKeys)?, appAttest: (any AppAttestService)?, alerts: (any AlertCenter)? = nil
    ) {
        self.phone = phone
        self.courier = courier
        self.device = device
        self.settings = settings
        heldBiometrics = biometrics
        self.signingKeys = signingKeys
        self.appAttest = appAttest
        self.alerts = alerts
    }

    func with(_ background: BackgroundWork) -> Services {
        var services = self
        services.background = background
        return services
    }

    /// Nil while the device has no biometric.
    public var biometrics: (any Biometrics)? { device.facts.biometricAvailable ? heldBiometrics : nil }

    func enrolment(replace: Bool, key: KeyChoice? = nil) -> Enrolment {
        let settings = settings.load()
        let device = Device(
            name: device.name, platform: .ios, pushToken: settings.pushToken ?? settings.ownToken,
            communicationType: settings.pushToken == nil ? .embedded : .apns)
        return Enrolment(device: device, facts: self.device.facts, replace: replace, key: key)
    }
}

/// An error as it is shown to the user.
public struct Failure: Equatable, Sendable {
    /// The error code, for programs and reports.
    public let code: String
    /// The text for the user; the core's text if it is one of the core's errors.
    public let explanation: String

    init(_ error: any Error) {
        switch error {
        case let error as AuthenticatorError: (code, explanation) = (error.code, error.explanation)
        case let error as TransportError: (code, explanation) = ("server-unreachable", error.localizedDescription)
        default: (code, explanation) = ("unexpected", error.localizedDescription)
        }
    }
}
