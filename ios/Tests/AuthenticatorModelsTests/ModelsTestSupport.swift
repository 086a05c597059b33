import AuthenticatorModels
import Foundation
import PushAuthenticator

struct TestDevice: DeviceState {
    let name = "Swift on Linux"
    let hasBiometric = Box(true)
    var facts: DeviceFacts { DeviceFacts(biometricAvailable: hasBiometric.value, tamperScore: 0) }
}

final class TestSettings: SettingsStore {
    private let kept = Box(Settings())

    func load() -> Settings { kept.value }
    func save(_ settings: Settings) { kept.change { $0 = settings } }
}

/// A biometric whose prompt ends as a test specifies.
final class TestBiometrics: Biometrics {
    let failure = Box<BiometricFailure?>(nil)
    let kept = Box<[Data]?>(nil)

    func keepOnly(_ wrapped: [Data]) { kept.change { $0 = wrapped } }
    func wrap(slot: Data) throws -> Data { Finger.touch(slot) }

    func unwrap(_ wrapped: Data) async throws -> Data {
        if let failure = failure.value { throw failure }
        return Finger.touch(wrapped)
    }
}

/// OpenSSL keys whose prompt ends as a test specifies.
final class TestSigningKeys: SigningKeys {
    let failure = Box<BiometricFailure?>(nil)
    let pairs = Box<[String: OpenSSL.KeyPair]>([:])
    let asked = Box<[Bool]>([])

    func make(asksForBiometric: Bool) async throws -> DeviceKey {
        let pair = OpenSSL.KeyPair()
        let key = DeviceKey(point: pair.point, level: .secureEnclave, presence: asksForBiometric ? .biometric : .none)
        pairs.change { $0[key.jwk] = pair }
        return key
    }

    func sign(_ bytes: Data, with jwk: String, asksForBiometric: Bool) async throws -> Data {
        asked.change { $0.append(asksForBiometric) }
        if let failure = failure.value { throw failure }
        guard let pair = pairs.value[jwk] else { throw BiometricFailure.invalidated }
        return pair.sign(bytes)
    }

    func remove(_ jwk: String) { pairs.change { $0[jwk] = nil } }
    func keepOnly(_ jwks: Set<String>) { pairs.change { $0 = $0.filter { jwks.contains($0.key) } } }
}

/// App Attest in tests: what it makes, and what it was asked for.
final class TestAppAttest: AppAttestService {
    struct Unreachable: Error {}

    static let object = Data("object".utf8)
    let isSupported: Bool
    let asked = Box<[(keyId: String, clientDataHash: Data)]>([])
    private let make: @Sendable () async throws -> Data

    init(isSupported: Bool = true, _ make: @escaping @Sendable () async throws -> Data = { object }) {
        (self.isSupported, self.make) = (isSupported, make)
    }

    func generateKey() async throws -> String { "key \(asked.value.count)" }

    func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data {
        asked.change { $0.append((keyId, clientDataHash)) }
        return try await make()
    }
}

/// The system's notification center, as the app fills it.
final class TestAlerts: AlertCenter {
    let list = Box<[PushIntake.Alert]>([])
    let isOff = Box(false)

    func areOff() async -> Bool { isOff.value }
    func shown() async -> Set<String> { Set(list.value.compactMap(\.requestId)) }
    func post(_ alert: PushIntake.Alert) async { list.change { $0.append(alert) } }
    func remove(_ requestIds: Set<String>) async { list.change { $0.removeAll { requestIds.contains($0.requestId ?? "") } } }
}

struct TestOwner: OwnerCheck {
    var answer = OwnerAnswer.confirmed
    let prompts = Box(0)
    var canConfirm: Bool { answer != .unprotected }

    func confirm() async -> OwnerAnswer {
        prompts.change { $0 += 1 }
        return answer
    }
}

/// The system's time limit, which ends when a test says so.
@MainActor final class TestTime: BackgroundTime {
    var isGranted = true
    private(set) var begun = 0
    private(set) var expired: [Int: @MainActor @Sendable () -> Void] = [:]

    /// Whether the system lets the app run in the background.
    var isRunning: Bool { !expired.isEmpty }

    nonisolated init() {}

    func begin(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int? {
        guard isGranted else { return nil }
        begun += 1
        self.expired[begun] = expired
        return begun
    }

    func end(_ granted: Int) { expired[granted] = nil }
    func expire() { expired.values.forEach { $0() } }
}

/// The real core over its own vault, without a network if there is a recorder.
struct App {
    let phone: Phone
    let services: Services
    let biometrics = TestBiometrics()
    let settings = TestSettings()
    let signingKeys = TestSigningKeys()
    let alerts = TestAlerts()
    let device = TestDevice()

    init(
        _ transport: any HTTPTransport = Recorder(), hasBiometric: Bool = true, hasEnclave: Bool = true,
        appAttest: (any AppAttestService)? = nil
    ) async throws {
        phone = try await openPhone()
        services = Services(
            phone: phone,
            courier: Courier(phone, transport: transport, signer: UnaskedSigner(phone, hasEnclave ? signingKeys : nil)), device: device, settings: settings,
            biometrics: hasBiometric ? biometrics : nil, signingKeys: hasEnclave ? signingKeys : nil, appAttest: appAttest, alerts: alerts)
    }

    func registered(_ code: String = registrationCode()) async throws -> Registered {
        try await phone.call { try Registered($0, code) }
    }

    /// Returns a sign-on request that arrived, with some claims replaced.
    func request(_ server: Registered, _ number: Int = 1, _ others: [String: String] = [:]) async throws -> SignOnRequest {
        try await phone.call { try $0.receiveMessage(messageId: "message-\(number)", jwt: server.message(number, others)) }
    }
}
