import Dispatch
import Foundation

/// A sign-on request. Foundation has a `Notification`, too, so outside of this module this name is the handier one.
public typealias SignOnRequest = Notification

/// The phone core for tasks, over one vault: the core's calls are made on threads that may block, and what an app shows
/// comes as asynchronous sequences. It knows no network; a ``Courier`` does.
///
/// Every method of the core is reached through ``call(_:)``; none is repeated here. It is not named after the module,
/// because nothing in the module could be named in full then.
public final class Phone: Sendable {
    private let core: Locked<Authenticator?>
    private let changes = Changes()
    private let gate = Gate()
    /// Apart from Swift's own threads, which must not block.
    private static let queue = DispatchQueue(label: "org.pushauthenticator.core", qos: .userInitiated, attributes: .concurrent)

    private init(_ core: Authenticator) { self.core = Locked(core) }

    deinit { changes.end() }

    /// Opens the vault, or makes a new one where there is no file; see `Authenticator.open`.
    ///
    /// - Parameters:
    ///   - vaultFile: path of the vault; its folder must be there
    ///   - keys: the platform's key for the vault, called before this returns and not afterwards
    ///   - log: takes the core's log lines
    /// - Throws: ``AuthenticatorError`` when the vault cannot be used
    public static func open(vaultFile: String, keys: any PlatformKeys, log: (any LogSink)? = nil) async throws -> Phone {
        Phone(try await blocking { try Authenticator.open(vaultFile: vaultFile, keys: keys, log: log) })
    }

    /// All accounts, now and after every change made through this object. Ends when this object is closed.
    public var accounts: Watched<[Account]> {
        Watched(changes: changes) { [weak self] in try await self?.look { try $0.accounts() } } lasts: { _ in nil }
    }

    /// The sign-on requests that can be answered, newest first: now, after every change made through this object, and
    /// when the time of one is over. Ends when this object is closed.
    public var notifications: Watched<[SignOnRequest]> {
        Watched(changes: changes) { [weak self] in try await self?.look { try $0.pending() } } lasts: { pending in
            // The server's clock decides, which may be off by the core's tolerance: looked at again until it is over.
            pending.map(\.expiresAt).min().map { max(.milliseconds($0 - epochMilliseconds()), .seconds(2)) }
        }
    }

    /// Makes a call of the core where it may block, and has the sequences look again afterwards:
    /// `try await phone.call { try $0.rename(accountId: id, issuer: nil, name: "Work") }`.
    ///
    /// A call that has begun is made to its end, whether its task is cancelled or not.
    ///
    /// - Throws: ``AuthenticatorError`` for what the core refuses or cannot do, ``PhoneClosed``, and what `work` throws
    public func call<T: Sendable>(_ work: @escaping @Sendable (Authenticator) throws -> T) async throws -> T {
        defer { refresh() }
        return try await look(work)
    }

    /// Has the sequences look again: another process of the app, such as a notification service extension, changed the
    /// vault.
    public func refresh() { changes.announce() }

    /// Has calls wait from now on, until ``resume()``. Those that run are made to their end; ``rested()`` waits for that.
    ///
    /// For a vault in a container that the app shares with its extensions: the system ends an app that is suspended with a
    /// transaction of such a file open.
    public func pause() { gate.close() }

    /// Waits until no call runs, or calls may begin again.
    public func rested() async { await gate.waitUntilEmpty() }

    /// Has the calls that wait since ``pause()`` begin, whether their tasks were cancelled or not.
    public func resume() { gate.open() }

    /// Closes the vault once calls that run are done. Closing twice does nothing.
    public func close() {
        core.withLock { $0 = nil }
        changes.end()
        // Who waits is told, and nobody waits from here on.
        gate.end()
    }

    /// A call that changes nothing that anybody watches.
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

    /// What the generated code throws of its own, as the one kind of error that callers know.
    private static func guarded<T>(_ work: () throws -> T) throws -> T {
        do {
            return try work()
        } catch where String(describing: type(of: error)) == "UniffiInternalError" {
            // A panic of the core; the type is private to its file. Its text is for its developers, and nobody checked what it holds.
            throw AuthenticatorError.Vault(
                code: "internal-failure",
                explanation: "Something went wrong inside the app. Close it and open it again; if that does not help, report it.")
        }
    }
}

/// The phone was closed.
public struct PhoneClosed: Error, Equatable {
    public init() {}
}

/// What an app shows, now and after every change. Each iteration looks by itself; equal looks come once.
public struct Watched<Element: Equatable & Sendable>: AsyncSequence, Sendable {
    let changes: Changes
    /// Nothing at the end.
    let look: @Sendable () async throws -> Element?
    /// For how long it may be believed without a change.
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
