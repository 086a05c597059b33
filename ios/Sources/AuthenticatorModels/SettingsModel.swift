import Observation
import PushAuthenticator

/// Settings, and the event log of this phone.
@MainActor @Observable
public final class SettingsModel {
    public private(set) var settings: Settings
    public private(set) var events: [Event] = []
    public private(set) var tokens: [PushTokenStatus] = []
    /// What waits to be sent.
    public private(set) var outbox: [Waiting] = []
    public private(set) var failure: Failure?
    private let services: Services
    private let owner: any OwnerCheck

    public init(_ services: Services, owner: any OwnerCheck) {
        self.services = services
        self.owner = owner
        settings = services.settings.load()
    }

    public func load() async {
        await attempt {
            let (events, tokens, outbox) = try await services.phone.call {
                (try $0.events(limit: 200), try $0.pushTokens(), try $0.outbox())
            }
            (self.events, self.tokens, self.outbox) = (events, tokens, outbox)
        }
    }

    /// Whether the lock can be turned on here; it can always be turned off.
    public var canLock: Bool { owner.canConfirm }

    public func setAppLock(_ isOn: Bool) {
        guard !isOn || canLock else { return }
        change { $0.appLock = isOn }
    }

    /// Limits the history from now on, and removes what exceeds the limits.
    public func setHistory(count: UInt32?, days: UInt32?) async {
        change { ($0.historyCount, $0.historyDays) = (count, days) }
        let retention = settings.retention
        await attempt { _ = try await services.phone.call { try $0.cleanHistory(retention: retention) } }
    }

    /// Sends what is waiting, without waiting for its next attempt.
    public func sendNow() async {
        await attempt {
            try await services.background.run {
                try await services.phone.call { try $0.retryNow() }
                try await services.courier.deliver()
            }
        }
        await load()
    }

    /// Changes the stored settings, because others change them too: for example, the APNs token arrives after the
    /// start.
    private func change(_ change: (inout Settings) -> Void) {
        settings = services.settings.load()
        change(&settings)
        services.settings.save(settings)
    }

    private func attempt(_ work: () async throws -> Void) async {
        do {
            try await work()
            failure = nil
        } catch {
            failure = Failure(error)
        }
    }
}
