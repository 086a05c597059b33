import Foundation

/// What came of a person's answer to a sign-on request.
public enum Answer: Equatable, Sendable {
    /// The server took it; the request has this state: approved or denied.
    case settled(NotificationState)
    /// The server refused it: a wrong number, or too late. `message` is what it said, cleaned. Both are missing when another
    /// round of the courier brought the refusal.
    case refused(status: UInt16?, message: String?)
    /// It was sent, perhaps more than once, and what came of it is not known.
    case outcomeUnknown
    /// It is stored and will be sent when the server can be reached: see ``Courier/deliver()``.
    case queued
    /// The request's time was over before it could be sent.
    case expired
    /// The core did not take the answer: nothing was stored or sent.
    case rejected(AuthenticatorError)
}

/// What came of adding an account.
public enum Enrolled: Equatable, Sendable {
    /// The account is ready.
    case ready(Account)
    /// The account is stored; its registration is sent when the server can be reached: see ``Courier/deliver()``.
    case queued(Account)
    /// Whether the server knows this phone is not certain; the first valid message will tell.
    case unconfirmed(Account)
    /// The server refused the registration, and the account is not there. `message` is what it said, cleaned. Both are
    /// missing when another round of the courier brought the refusal.
    case refused(status: UInt16?, message: String?)
    /// The core did not take it: nothing was stored or sent.
    case rejected(AuthenticatorError)
}

/// What came of asking one account's server for what is pending.
public struct PullResult: Equatable, Sendable {
    /// The account that was asked for.
    public let accountId: String
    /// What came of it.
    public let outcome: Outcome

    public enum Outcome: Equatable, Sendable {
        /// The server answered.
        case answered(Pulled)
        /// The server refused, or answered something that cannot be understood.
        case rejected(AuthenticatorError)
        /// No answer came.
        case unreachable(TransportError)
    }
}

/// What came of an attempt to send one request of the outbox.
public struct Report: Equatable, Sendable {
    /// The request, as the core names it.
    public let requestId: String
    /// What it was for.
    public let kind: RequestKind
    /// What the core made of it.
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

    /// The stable code of what went wrong, in lower case with dashes; for programs.
    public var code: String { parts.code }

    /// What happened and what to do, for a person.
    public var explanation: String { parts.explanation }

    public var errorDescription: String? { explanation }
}

/// What came of a push.
public enum Arrival: Equatable, Sendable {
    /// The sign-on request; it may be settled already, when the push came late or again.
    case request(SignOnRequest)
    /// The push was a hint, and its message did not come: the result says whether the server could be asked at all.
    case missing(PullResult)
}

/// Signs what an account's server is asked with, by the account's own key, where that is in hardware and needs no person.
public protocol PullSigner: Sendable {
    /// Has these bytes signed; nothing where the app has no such key.
    func sign(_ toSign: ToSign, for accountId: String) async throws -> Signed?
}
