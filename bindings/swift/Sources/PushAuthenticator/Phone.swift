import Dispatch
import Foundation

/// A sign-on request. Foundation has a `Notification` too, so this name is more convenient outside this module.
public typealias SignOnRequest = Notification

/// The phone core for tasks, over one vault. Runs the core's calls on threads that may block, and exposes what an app
/// displays as asynchronous sequences. Does no networking; see ``Courier``.
///
/// ``call(_:)`` reaches every method of the core; none is repeated here. The class is not named after the module,
/// because then nothing in the module could be referred to by its qualified name.
public final class Phone: Sendable {
    private let core: Locked<Authenticator?>
    private let changes = Changes()
    private let gate = Gate()
    /// Separate from Swift's own threads, which must not block.
    private static let queue = DispatchQueue(label: "org.pushauthenticator.core", qos: .userInitiated, attributes: .concurrent)

    private init(_ core: Authenticator) { self.core = Locked(core) }

    deinit { changes.end() }

    /// Opens the vault, or creates it if the file does not exist; see `Authenticator.open`.
    ///
    /// - Parameters:
    ///   - vaultFile: path of the vault; its folder must exist
    ///   - keys: the platform's key for the vault; called only before this function returns
    ///   - log: receives the core's log lines
    /// - Throws: ``AuthenticatorError`` when the vault cannot be used
    public static func open(vaultFile: String, keys: any PlatformKeys, log: (any LogSink)? = nil) async throws -> Phone {
        Phone(try await blocking { try Authenticator.open(vaultFile: vaultFile, keys: keys, log: log) })
    }

    /// All accounts, now and after every change made through this object. Ends when this object is closed.
    public var accounts: Watched<[Account]> {
        Watched(changes: changes) { [weak self] in try await self?.look { try $0.accounts() } } lasts: { _ in nil }
    }

    /// The sign-on requests that can be answered, newest first: now, after every change made through this object, and
    /// when one of them expires. Ends when this object is closed.
    public var notifications: Watched<[SignOnRequest]> {
        Watched(changes: changes) { [weak self] in try await self?.look { try $0.pending() } } lasts: { pending in
            // The server's clock decides, and it may be off by the core's tolerance, so keep checking until the request
            // is over.
            pending.map(\.expiresAt).min().map { max(.milliseconds($0 - epochMilliseconds()), .seconds(2)) }
        }
    }

    /// Runs a call of the core where it may block, and then refreshes the sequences: `try await phone.call { try
    /// $0.rename(accountId: id, issuer: nil, name: "Work") }`.
    ///
    /// A call that has started always runs to completion, even if its task is cancelled.
    ///
    /// - Throws: ``AuthenticatorError`` when the core rejects the call or cannot complete it, ``PhoneClosed``, and any
    ///   error of `work`
    public func call<T: Sendable>(_ work: @escaping @Sendable (Authenticator) throws -> T) async throws -> T {
        defer { refresh() }
        return try await look(work)
    }

    /// Refreshes the sequences after another process of the app, such as a notification service extension, changed the
    /// vault.
    public func refresh() { changes.announce() }

    /// Makes new calls wait until ``resume()``. Running calls complete; ``rested()`` waits for them.
    ///
    /// Use this for a vault in a container that the app shares with its extensions: the system kills an app that it
    /// suspends while a transaction on such a file is open.
    public func pause() { gate.close() }

    /// Waits until no call is running, or until calls may begin again.
    public func rested() async { await gate.waitUntilEmpty() }

    /// Starts the calls that have been waiting since ``pause()``, even if their tasks were cancelled.
    public func resume() { gate.open() }

    /// Closes the vault once all running calls are done. Closing twice has no effect.
    public func close() {
        core.withLock { $0 = nil }
        changes.end()
        // Releases everyone who waits; from here on nobody waits.
        gate.end()
    }

    /// Runs a call that changes nothing that the sequences expose.
    func look<T: Sendable>(_ work: @escaping @Sendable (Authenticator) throws -> T) async throws -> T {
        await gate.enter()
        defer { gate.leave() }
        guard let core = core.withLock({ $0 }) else { throw PhoneClosed() }
        return try await Self.blocking { try work(core) }
    }

    var version: Int? { changes.version }

    func awaitChange(after version: Int, atMost: Duration?) async {
        await changes.wait(after: version, atMost: atMost.map { max($0, .milliseconds(100)) })
    }

    private static func blocking<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try guarded(work) }) }
        }
    }

    /// Converts the generated code's own errors to the one error type that callers know.
    private static func guarded<T>(_ work: () throws -> T) throws -> T {
        do {
            return try work()
        } catch where String(describing: type(of: error)) == "UniffiInternalError" {
            // A panic in the core; the type is private to its file. Its text is for the core's developers, and nobody
            // has checked what it contains.
            throw AuthenticatorError.Vault(
                code: "internal-failure",
                explanation: "Something went wrong inside the app. Close it and open it again; if that does not help, report it.")
        }
    }
}

/// Thrown when the phone was closed.
public struct PhoneClosed: Error, Equatable {
    public init() {}
}

/// What an app displays, now and after every change. Each iteration reads independently; equal consecutive values are
/// delivered once.
public struct Watched<Element: Equatable & Sendable>: AsyncSequence, Sendable {
    let changes: Changes
    /// Returns nil at the end.
    let look: @Sendable () async throws -> Element?
    /// How long a value stays valid without a change.
    let lasts: @Sendable (Element) -> Duration?

    public func makeAsyncIterator() -> Iterator { Iterator(watched: self) }

    public struct Iterator: AsyncIteratorProtocol {
        let watched: Watched
        private var seen: Element?
        private var seenAt = -1

        init(watched: Watched) { self.watched = watched }

        /// - Throws: ``AuthenticatorError`` when the vault cannot be used, and `CancellationError`
        public mutating func next() async throws -> Element? {
            while true {
                if let seen { await watched.changes.wait(after: seenAt, atMost: watched.lasts(seen)) }
                try Task.checkCancellation()
                guard let version = watched.changes.version else { return nil }
                do {
                    guard let element = try await watched.look() else { return nil }
                    seenAt = version
                    if element != seen {
                        seen = element
                        return element
                    }
                } catch is PhoneClosed {
                    return nil
                }
            }
        }
    }
}

/// Epoch milliseconds by this phone's clock.
func epochMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
