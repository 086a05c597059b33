import Foundation

/// The result of a user's answer to a sign-on request.
public enum Answer: Equatable, Sendable {
    /// The server accepted the answer; the sign-on request is now approved or denied.
    case settled(NotificationState)
    /// The server rejected the answer: a wrong number, or too late. `message` is the server's text, sanitized. Both
    /// values are nil if another round of the courier received the rejection.
    case refused(status: UInt16?, message: String?)
    /// The answer was sent, perhaps more than once, and the result is unknown.
    case outcomeUnknown
    /// The answer is stored and will be sent once the server can be reached: see ``Courier/deliver()``.
    case queued
    /// The sign-on request expired before the answer could be sent.
    case expired
    /// The core rejected the answer: nothing was stored or sent.
    case rejected(AuthenticatorError)
}

/// The result of adding an account.
public enum Enrolled: Equatable, Sendable {
    /// The account is ready.
    case ready(Account)
    /// The account is stored. Its registration will be sent once the server can be reached: see ``Courier/deliver()``.
    case queued(Account)
    /// It is uncertain whether the server knows this phone; the first valid message will confirm it.
    case unconfirmed(Account)
    /// The server rejected the registration, and the account was removed. `message` is the server's text, sanitized.
    /// Both values are nil if another round of the courier received the rejection.
    case refused(status: UInt16?, message: String?)
    /// The core rejected the registration URI: nothing was stored or sent.
    case rejected(AuthenticatorError)
}

/// The result of asking one account's server for pending messages.
public struct PullResult: Equatable, Sendable {
    /// The account whose server was asked.
    public let accountId: String
    /// The outcome.
    public let outcome: Outcome

    public enum Outcome: Equatable, Sendable {
        /// The server answered.
        case answered(Pulled)
        /// The server rejected the pull, or its response cannot be understood.
        case rejected(AuthenticatorError)
        /// No response arrived.
        case unreachable(TransportError)
    }
}

/// The result of one attempt to send an outbox entry.
public struct Report: Equatable, Sendable {
    /// The core's id of the HTTP request.
    public let requestId: String
    /// What the HTTP request was for.
    public let kind: RequestKind
    /// How the core interpreted the result.
    public let delivery: Delivery
}

extension AuthenticatorError: LocalizedError {
    private var parts: (code: String, explanation: String) {
        switch self {
        case .Refused(let code, let explanation), .Vault(let code, let explanation),
            .Platform(let code, let explanation), .Server(let code, let explanation):
            (code, explanation)
        }
    }

    /// The stable error code, in lower case with dashes; for programs.
    public var code: String { parts.code }

    /// What happened and what to do about it; for the user.
    public var explanation: String { parts.explanation }

    public var errorDescription: String? { explanation }
}

/// The result of processing a push.
public enum Arrival: Equatable, Sendable {
    /// The sign-on request. It may be settled already if the push came late or twice.
    case request(SignOnRequest)
    /// The push was a hint, and its message did not arrive: the result says whether the server could be reached at all.
    case missing(PullResult)
}

/// Signs pulls with the account's own key, if that key is in hardware and works without the user.
public protocol PullSigner: Sendable {
    /// Signs these bytes. Returns nil if the app has no such key.
    func sign(_ toSign: ToSign, for accountId: String) async throws -> Signed?
}
