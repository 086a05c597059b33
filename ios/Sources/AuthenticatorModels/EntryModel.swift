import Observation
import PushAuthenticator

/// The form for an account that the user enters. The usual settings are preselected; the issuer of the secret says if
/// others apply.
@MainActor @Observable
public final class EntryModel {
    public struct Algorithm: Hashable, Sendable {
        /// The same spelling in the field in every language.
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

    /// Whether the secret is displayed as typed.
    public var isSecretShown = false
    /// What is wrong with the input.
    public private(set) var failure: Failure?
    private var isRead = false

    public init() {}

    /// Submits the input. If something is wrong with it, shows the error and keeps all fields.
    ///
    /// - Parameter read: such as ``CoverModel/read(_:)-(ManualEntry)``
    public func hand(to read: @MainActor (ManualEntry) async -> Failure?) async {
        guard !isRead else { return }
        isRead = true
        failure = await read(entry)
        isRead = false
    }

    /// The input; the core checks it.
    public var entry: ManualEntry {
        let moving: CodeMoving = isCounting ? .counter(next: 0) : .time(periodSeconds: periodSeconds)
        let settings = CodeSettings(algorithm: algorithm.algorithm, digits: digits, moving: moving)
        return ManualEntry(issuer: issuer, account: account, secret: secret, settings: settings)
    }
}
