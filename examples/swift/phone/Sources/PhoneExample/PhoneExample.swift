import Foundation
import PushAuthenticator

/// The example's input and output.
public struct Console: Sendable {
    let read: @Sendable () -> String?
    let show: @Sendable (String) -> Void

    public init(read: @escaping @Sendable () -> String?, show: @escaping @Sendable (String) -> Void) {
        self.read = read
        self.show = show
    }

    func isYes(_ question: String) -> Bool {
        show(question + " [y/N]")
        return read()?.lowercased() == "y"
    }
}

/// A phone in a terminal: adds the account of a registration URI and answers sign-on requests. It shows how an app uses
/// the library, but no screens. Not for everyday use: only its folder protects the vault.
public struct PhoneExample: Sendable {
    private static let longestWait: Duration = .seconds(30)
    private let phone: Phone
    private let courier: Courier
    private let console: Console

    /// - Parameter folder: folder of the vault, created if it does not exist
    public static func open(_ folder: URL, _ console: Console) async throws -> PhoneExample {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let phone = try await Phone.open(vaultFile: folder.appendingPathComponent("vault").path, keys: UnprotectedKey())
        // Until an app reports what it finds, accounts with policies are locked.
        try await phone.call { $0.setDeviceFacts(facts: facts) }
        return PhoneExample(phone: phone, courier: Courier(phone), console: console)
    }

    public func close() { phone.close() }

    /// Adds an account after the user has seen what it is.
    public func add(_ code: String) async throws {
        let preview = try await phone.call { try $0.preview(code: code) }
        console.show("\(preview.issuer), \(preview.account), at \(preview.host ?? "no server")")
        if preview.conflict != nil { console.show("An account of that name is here, and would be replaced.") }
        guard console.isYes("Add it?") else { return }
        let device = Device(name: "Terminal", platform: .ios, pushToken: "terminal-\(UUID().uuidString)", communicationType: .embedded)
        let enrolment = Enrolment(device: device, facts: Self.facts, replace: preview.conflict != nil, key: preview.takesDeviceKey ? .software : nil)
        switch try await courier.enrol(code, enrolment) {
        case .ready(let account): console.show("\(account.displayIssuer) is ready.")
        case .queued, .unconfirmed: console.show("The account is stored; the server has not confirmed it yet.")
        case .refused(_, let message): console.show("The server refused: \(message ?? "it did not say why")")
        case .rejected(let reason): console.show(reason.explanation)
        }
    }

    /// Waits for a sign-on request and answers it as the user decides.
    public func answer() async throws {
        try await courier.pull(wait: Self.longestWait)
        guard let request = try await phone.call({ try $0.pending() }).first else { return console.show("Nobody signs on.") }
        console.show("\(request.issuer), \(request.account): \(request.message ?? "a sign-on")")
        if let address = request.context?.remoteIp { console.show("from \(address)") }
        guard let evidence = evidence(request) else { return console.show(Self.said(try await courier.deny(request.id))) }
        console.show(Self.said(try await courier.approve(request.id, evidence)))
    }

    /// The evidence for an approval, or nil if the user denies or this example cannot provide it.
    private func evidence(_ request: SignOnRequest) -> Evidence? {
        switch request.ask {
        case .tap: return console.isYes("Approve?") ? .tap : nil
        case .number(let numbers):
            console.show("Which number does the browser show: \(numbers.joined(separator: ", "))? Anything else denies.")
            return console.read().flatMap { numbers.contains($0) ? .number(number: $0) : nil }
        case .biometric:
            console.show("It asks for a biometric, which a terminal has not.")
            return nil
        }
    }

    private static let facts = DeviceFacts(biometricAvailable: false, tamperScore: 0)

    private static func said(_ answer: Answer) -> String {
        switch answer {
        case .settled(.denied): "Denied."
        case .settled: "Approved."
        case .refused(_, let message): "The server refused: \(message ?? "it did not say why")"
        case .outcomeUnknown: "It was sent; whether it counted is not known."
        case .queued: "It is sent when the server can be reached."
        case .expired: "The time to answer was over."
        case .rejected(let reason): reason.explanation
        }
    }
}

/// Stores the vault's key unencrypted next to the vault. An app wraps it with a key from the Secure Enclave or the
/// Keychain instead, as ios/Sources/AuthenticatorDevice/VaultKeys.swift does.
final class UnprotectedKey: PlatformKeys {
    func wrap(dataKey: Data) throws -> Data { dataKey }
    func unwrap(wrapped: Data) throws -> Data { wrapped }
}
