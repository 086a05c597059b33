import Foundation
import Observation
import PushAuthenticator

/// The list of accounts, with one-time passwords that are shown when tapped.
@MainActor @Observable
public final class AccountsModel {
    /// A one-time password that the user asked to see.
    public struct Revealed: Equatable, Sendable {
        public let code: String
        /// When it expires; nil for HOTP.
        public let endsAt: Date?
    }

    public private(set) var accounts: [Account] = []
    public private(set) var failure: Failure?
    /// What removing the chosen account would mean, to be confirmed.
    public private(set) var removal: Removal?
    private var revealed: [String: Revealed] = [:]
    private let services: Services
    private let now: @Sendable () -> Date

    public init(_ services: Services, now: @escaping @Sendable () -> Date = { Date() }) {
        self.services = services
        self.now = now
    }

    /// Follows the vault until the task is cancelled or the phone is closed.
    public func watch() async {
        do {
            for try await accounts in services.phone.accounts {
                self.accounts = accounts
                let ids = Set(accounts.map(\.id))
                revealed = revealed.filter { ids.contains($0.key) }
            }
        } catch is CancellationError {
        } catch {
            failure = Failure(error)
        }
    }

    /// Returns whether an account has one-time passwords.
    public func hasCodes(_ account: Account) -> Bool {
        account.kinds.contains { $0 == .totp || $0 == .hotp } && account.state != .reEnrolmentNeeded
    }

    /// Returns the one-time password to show now: one that was revealed and is still valid.
    public func code(of accountId: String, at time: Date) -> Revealed? {
        revealed[accountId].flatMap { code in (code.endsAt ?? .distantFuture) > time ? code : nil }
    }

    /// Shows an account's one-time password. For HOTP, every call uses up a value.
    public func reveal(_ accountId: String) async {
        do {
            let code = try await services.phone.call { try $0.code(accountId: accountId) }
            switch code.validity {
            case .timed(_, let remaining, _):
                revealed[accountId] = Revealed(code: code.code, endsAt: now() + TimeInterval(remaining) / 1000)
            case .counted: revealed[accountId] = Revealed(code: code.code, endsAt: nil)
            }
            failure = nil
        } catch {
            revealed[accountId] = nil
            failure = Failure(error)
        }
    }

    /// Hides all one-time passwords when the app leaves the foreground.
    public func hideCodes() { revealed = [:] }

    /// Changes how an account is displayed; an empty name restores the registered one.
    public func rename(_ accountId: String, issuer: String, name: String) async {
        await change { _ = try $0.rename(accountId: accountId, issuer: issuer, name: name) }
    }

    /// Finds out what removing an account would mean.
    public func askRemoval(of accountId: String) async {
        do {
            removal = try await services.phone.call { try $0.removal(accountId: accountId) }
        } catch {
            failure = Failure(error)
        }
    }

    /// Removes the chosen account, or keeps it.
    public func decideRemoval(_ isConfirmed: Bool) async {
        guard let removal else { return }
        self.removal = nil
        guard isConfirmed else { return }
        await change { try $0.remove(accountId: removal.accountId) }
        await services.forgetUnusedKeys()
    }

    private func change(_ work: @escaping @Sendable (Authenticator) throws -> Void) async {
        do {
            try await services.phone.call(work)
            failure = nil
        } catch {
            failure = Failure(error)
        }
    }
}
