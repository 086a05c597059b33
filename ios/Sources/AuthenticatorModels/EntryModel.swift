import Observation
import PushAuthenticator

/// An account that is typed in. Usual settings are chosen already; whoever hands out the secret says where others apply.
@MainActor @Observable
public final class EntryModel {
    public struct Algorithm: Hashable, Sendable {
        /// As the field writes it, in every language.
        public let name: String
        let algorithm: CodeAlgorithm
    }

    public nonisolated static let algorithms = [
        Algorithm(name: "SHA-1", algorithm: .sha1), Algorithm(name: "SHA-256", algorithm: .sha256), Algorithm(name: "SHA-512", algorithm: .sha512),
    ]
    public nonisolated static let digits: [UInt8] = [6, 7, 8]
    public nonisolated static let periods: [UInt32] = [15, 30, 60, 90]

    public var issuer = ""
    public var account = ""
    public var secret = ""
    public var isCounting = false
    public var algorithm = algorithms[0]
    public var digits: UInt8 = 6
    public var periodSeconds: UInt32 = 30

    /// Whether the person looks at the secret that was typed.
    public var isSecretShown = false
    /// What is wrong with what was typed.
    public private(set) var failure: Failure?
    private var isRead = false

    public init() {}

    /// Hands over what was typed; what is wrong with it is shown, and everything typed stays.
    ///
    /// - Parameter read: such as ``CoverModel/read(_:)-(ManualEntry)``
    public func hand(to read: @MainActor (ManualEntry) async -> Failure?) async {
        guard !isRead else { return }
        isRead = true
        failure = await read(entry)
        isRead = false
    }

    /// What was typed; the core says what is wrong with it.
    public var entry: ManualEntry {
        let moving: CodeMoving = isCounting ? .counter(next: 0) : .time(periodSeconds: periodSeconds)
        let settings = CodeSettings(algorithm: algorithm.algorithm, digits: digits, moving: moving)
        return ManualEntry(issuer: issuer, account: account, secret: secret, settings: settings)
    }
}
