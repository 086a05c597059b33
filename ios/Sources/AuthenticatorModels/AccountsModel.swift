import Foundation
import Observation
import PushAuthenticator

/// The list of accounts, with codes that are shown when they are tapped.
@MainActor @Observable
public final class AccountsModel {
    /// A code that the person asked to see.
    public struct Revealed: Equatable, Sendable {
        public let code: String
        /// When it stops being good; nothing for one that counts.
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

    /// Follows the vault until the task is cancelled or the phone closed.
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

    /// Whether an account shows codes.
    public func hasCodes(_ account: Account) -> Bool {
        account.kinds.contains { $0 == .totp || $0 == .hotp } && account.state != .reEnrolmentNeeded
    }

    /// The code to show now: one that was revealed and is still good.
    public func code(of accountId: String, at time: Date) -> Revealed? {
        revealed[accountId].flatMap { code in (code.endsAt ?? .distantFuture) > time ? code : nil }
    }

    /// Shows an account's code. For one that counts, every call uses up a code.
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

    /// Hides all codes: the app left the front.
    public func hideCodes() { revealed = [:] }

    /// Changes how an account is shown; an empty name brings the registered one back.
    public func rename(_ accountId: String, issuer: String, name: String) async {
        await change { _ = try $0.rename(accountId: accountId, issuer: issuer, name: name) }
    }

    /// Asks what removing an account would mean.
    public func askRemoval(of accountId: String) async {
        do {
            removal = try await services.phone.call { try $0.removal(accountId: accountId) }
        } catch {
            failure = Failure(error)
        }
    }

    /// Removes the account that was asked about, or keeps it.
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
