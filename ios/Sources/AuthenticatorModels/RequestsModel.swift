import Observation
import PushAuthenticator

/// The sign-on requests that wait for the user, newest first.
@MainActor @Observable
public final class RequestsModel {
    public private(set) var pending: [SignOnRequest] = []
    /// The sign-on request on the screen, with its result once there is one.
    public private(set) var shown: RequestModel?
    /// Servers that did not respond to the last pull.
    public private(set) var unreachable: [Failure] = []
    public private(set) var failure: Failure?
    private let services: Services
    /// Sign-on requests that the user closed without answering. They stay in the list, but do not open by themselves
    /// again.
    private var putOff: Set<String> = []

    public init(_ services: Services) { self.services = services }

    /// Pending sign-on requests besides the one on the screen.
    public var others: [SignOnRequest] { pending.filter { $0.id != shown?.id } }

    /// Follows the vault until the task is cancelled or the phone is closed. A new sign-on request opens, unless
    /// another one is on the screen. One that was answered elsewhere, or is over, says so.
    public func watch() async {
        do {
            for try await pending in services.phone.notifications {
                self.pending = pending
                putOff.formIntersection(pending.map(\.id))
                await takeBackAlerts()
                if let shown {
                    guard let now = pending.first(where: { $0.id == shown.id }) else {
                        await shown.end()
                        continue
                    }
                    // For example, after an unlock: the same sign-on request with more details.
                    if shown.state == .asking, now != shown.request { show(now) }
                } else if let first = pending.first(where: { !putOff.contains($0.id) }) {
                    show(first)
                }
            }
        } catch is CancellationError {
        } catch {
            failure = Failure(error)
        }
    }

    public func show(_ request: SignOnRequest) { shown = RequestModel(request, services) }

    /// Shows the sign-on request whose notification the user tapped.
    public func show(id: String) async {
        do {
            show(try await services.phone.call { try $0.notification(id: id) })
        } catch {
            failure = Failure(error)
        }
    }

    /// The user is done with the sign-on request on the screen; shows the next one.
    public func dismiss() {
        if let shown { putOff.insert(shown.id) }
        shown = pending.first { !putOff.contains($0.id) }.map { RequestModel($0, services) }
    }

    /// Sends whatever is due, each time something becomes due, until the task is cancelled or the phone is closed. No
    /// round starts once the app has left the foreground, and one that has started is completed.
    public func deliver() async {
        do {
            try await services.background.run { try await services.courier.run() }
        } catch is CancellationError {
        } catch is PhoneClosed {
        } catch {
            failure = Failure(error)
        }
    }

    /// Does the same as ``refresh()`` while the app is not on the screen: shows notifications for what is new and
    /// removes those for what is over.
    ///
    /// - Returns: whether the refresh succeeded
    public func refreshInBackground() async -> Bool {
        do {
            let before = Set(try await services.phone.call { try $0.pending() }.map(\.id))
            await refresh()
            pending = try await services.phone.call { try $0.pending() }
            // A push may have arrived in the meantime and shown its notification.
            let shown = await services.alerts?.shown() ?? []
            for request in pending where !before.contains(request.id) && !shown.contains(request.id) {
                await services.alerts?.post(try await PushIntake.alert(for: request, services.phone))
            }
            await takeBackAlerts()
            return failure == nil
        } catch {
            failure = Failure(error)
            return false
        }
    }

    /// Handles a denial that the user made in the notification, with no screen open. If it does not go through, another
    /// notification says so.
    public func denyInAlert(_ id: String) async {
        let word: Words
        do {
            switch try await services.courier.deny(id) {
            case .settled(.denied): return
            case .settled(let state): word = Words(state)
            case .refused: word = .resultRefused
            case .outcomeUnknown: word = .resultUnknown
            case .queued: word = .resultQueued
            case .expired: word = .resultExpired
            case .rejected: word = .resultNotDenied
            }
        } catch {
            word = .resultNotDenied
        }
        await services.alerts?.post(.init(title: word, subtitle: nil, requestId: id))
    }

    /// Removes the notifications of sign-on requests that are no longer pending.
    private func takeBackAlerts() async {
        guard let alerts = services.alerts else { return }
        let over = await alerts.shown().subtracting(pending.map(\.id))
        if !over.isEmpty { await alerts.remove(over) }
    }

    /// Fetches pending messages while the app is in the foreground, until the task is cancelled: once if pushes
    /// announce further ones, otherwise repeatedly, with servers holding each pull until a message arrives. Sends
    /// nothing that must not be interrupted.
    ///
    /// - Parameter pause: between two pulls
    public func follow(pause: Duration = .seconds(5)) async {
        await ask(wait: .zero)
        while !Task.isCancelled, services.settings.load().pushToken == nil {
            do {
                try await Task.sleep(for: pause)
            } catch {
                return
            }
            await ask(wait: .seconds(20))
        }
    }

    /// Sends what is due, and asks the servers for pending messages.
    public func refresh() async {
        do {
            try await services.courier.deliver()
        } catch is CancellationError {
            return
        } catch {
            failure = Failure(error)
            return
        }
        await ask(wait: .zero)
    }

    /// - Parameter wait: how long a server may hold the pull
    private func ask(wait: Duration) async {
        do {
            unreachable = try await services.courier.pull(wait: wait).compactMap { result in
                switch result.outcome {
                case .answered: nil
                case .rejected(let reason): Failure(reason)
                case .unreachable(let cause): Failure(cause)
                }
            }
            failure = nil
        } catch is CancellationError {
        } catch {
            failure = Failure(error)
        }
    }
}
