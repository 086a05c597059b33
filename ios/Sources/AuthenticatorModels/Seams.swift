import Foundation
import PushAuthenticator

/// Keys that are bound to the person's biometric. Wrapping asks nobody; unwrapping does.
public protocol Biometrics: SlotWrapper {
    /// Unwraps what ``SlotWrapper/wrap(slot:)`` gave, once the person passed the prompt.
    ///
    /// - Throws: ``BiometricFailure``
    func unwrap(_ wrapped: Data) async throws -> Data
    /// Takes away every key but those that these were wrapped under.
    func keepOnly(_ wrapped: [Data])
}

/// Keys of accounts' own, in the device's hardware.
public protocol SigningKeys: Sendable {
    /// Makes a key for an account that is to be added.
    ///
    /// - Throws: ``BiometricFailure``
    func make(asksForBiometric: Bool) async throws -> DeviceKey
    /// Has an account's key sign, once the person passed the prompt where it asks for one; in DER.
    ///
    /// - Parameter jwk: the public half
    /// - Throws: ``BiometricFailure``; a key that is not there any more is as good as invalidated
    func sign(_ bytes: Data, with jwk: String, asksForBiometric: Bool) async throws -> Data
    /// Takes a key away for good.
    func remove(_ jwk: String)
    /// Takes away every other key.
    func keepOnly(_ jwks: Set<String>)
}

/// Why a key that may ask for the person was not used.
public enum BiometricFailure: Error, Equatable, Sendable {
    /// The person, or the system, took the prompt away.
    case cancelled
    /// The biometrics that are enrolled changed: the key is gone for good.
    case invalidated
    /// Not now: too many attempts, or no biometric is enrolled.
    case unavailable
}

/// What the device says about itself.
public protocol DeviceState: Sendable {
    /// What the user's list of devices shows.
    var name: String { get }
    var facts: DeviceFacts { get }
}

/// Asks whether the owner of the device holds it: by biometric or passcode.
public protocol OwnerCheck: Sendable {
    /// Whether the device can tell its owner at all: it has a passcode.
    var canConfirm: Bool { get }
    func confirm() async -> OwnerAnswer
}

public enum OwnerAnswer: Sendable {
    case confirmed
    case refused
    /// The device has no passcode: whoever holds it owns it, and a lock would lock everybody out.
    case unprotected
}

/// The system's list of notifications.
public protocol AlertCenter: Sendable {
    /// Whether the person, or the device's settings, have it show none. False where the person was not asked yet.
    func areOff() async -> Bool
    /// The ids of the requests that it shows.
    func shown() async -> Set<String>
    func post(_ alert: PushIntake.Alert) async
    /// Takes back what is shown for these requests.
    func remove(_ requestIds: Set<String>) async
}

/// Time that the system grants an app that left the front.
@MainActor public protocol BackgroundTime: AnyObject, Sendable {
    /// Asks for it.
    ///
    /// - Parameter expired: called when it is nearly over
    /// - Returns: nothing where the system grants none
    func begin(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int?
    /// It is not needed any more.
    func end(_ granted: Int)
}

/// Where settings are kept. They hold no secret.
public protocol SettingsStore: Sendable {
    func load() -> Settings
    func save(_ settings: Settings)
}

public struct Settings: Codable, Equatable, Sendable {
    /// Whether the app asks for its owner whenever it comes to the front.
    public var appLock = false
    /// How many settled sign-ons are kept; nothing keeps all.
    public var historyCount: UInt32?
    /// For how many days they are kept; nothing keeps them for ever.
    public var historyDays: UInt32?
    /// Names this phone to servers whose messages are fetched; made once.
    public var ownToken = UUID().uuidString
    /// The token of APNs, where there is one.
    public var pushToken: String?

    public init() {}

    var retention: Retention { Retention(count: historyCount, days: historyDays) }
}

/// What the models work with, once the vault is open.
public struct Services: Sendable {
    public let phone: Phone
    public let courier: Courier
    public let device: any DeviceState
    public let settings: any SettingsStore
    private let heldBiometrics: (any Biometrics)?
    /// Nothing where the device has no hardware for keys.
    public let signingKeys: (any SigningKeys)?
    /// Nothing where nobody vouches for the app.
    public let appAttest: (any AppAttestService)?
    /// Nothing where the system shows no notifications.
    public let alerts: (any AlertCenter)?
    /// For what has to come to its end when the app leaves the front.
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

    /// Nothing where the device has no biometric now.
    public var biometrics: (any Biometrics)? { device.facts.biometricAvailable ? heldBiometrics : nil }

    func enrolment(replace: Bool, key: KeyChoice? = nil) -> Enrolment {
        let settings = settings.load()
        let device = Device(
            name: device.name, platform: .ios, pushToken: settings.pushToken ?? settings.ownToken,
            communicationType: settings.pushToken == nil ? .embedded : .apns)
        return Enrolment(device: device, facts: self.device.facts, replace: replace, key: key)
    }
}

/// Something that went wrong, as shown to a person.
public struct Failure: Equatable, Sendable {
    /// For programs and reports.
    public let code: String
    /// For the person, from the core where it is one of the core's errors.
    public let explanation: String

    init(_ error: any Error) {
        switch error {
        case let error as AuthenticatorError: (code, explanation) = (error.code, error.explanation)
        case let error as TransportError: (code, explanation) = ("server-unreachable", error.localizedDescription)
        default: (code, explanation) = ("unexpected", error.localizedDescription)
        }
    }
}
