import Observation
import PushAuthenticator

/// The sign-on requests that wait for the person, newest first.
@MainActor @Observable
public final class RequestsModel {
    public private(set) var pending: [SignOnRequest] = []
    /// The request on the screen, with its result once there is one.
    public private(set) var shown: RequestModel?
    /// Servers that gave no answer when they were asked last.
    public private(set) var unreachable: [Failure] = []
    public private(set) var failure: Failure?
    private let services: Services
    /// What the person closed without an answer: it stays in the list, and comes to the front no more by itself.
    private var putOff: Set<String> = []

    public init(_ services: Services) { self.services = services }

    /// What waits beside the request on the screen.
    public var others: [SignOnRequest] { pending.filter { $0.id != shown?.id } }

    /// Follows the vault until the task is cancelled or the phone closed. A new request comes to the front, unless
    /// another one is there; one that was answered elsewhere, or is over, says so.
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
                    // Unlocked meanwhile, for instance: the same request, and more of it to see.
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

    /// Shows what the person tapped in the system's list of notifications.
    public func show(id: String) async {
        do {
            show(try await services.phone.call { try $0.notification(id: id) })
        } catch {
            failure = Failure(error)
        }
    }

    /// The person is done with the request on the screen; the next one comes.
    public func dismiss() {
        if let shown { putOff.insert(shown.id) }
        shown = pending.first { !putOff.contains($0.id) }.map { RequestModel($0, services) }
    }

    /// Sends whatever waits, whenever it is due, until the task is cancelled or the phone closed: no round begins once the app
    /// left the front, and one that has begun is brought to its end.
    public func deliver() async {
        do {
            try await services.background.run { try await services.courier.run() }
        } catch is CancellationError {
        } catch is PhoneClosed {
        } catch {
            failure = Failure(error)
        }
    }

    /// As ``refresh()``, while the app is not on the screen: the system tells of what is new, and no more of what is over.
    ///
    /// - Returns: whether it was done
    public func refreshInBackground() async -> Bool {
        do {
            let before = Set(try await services.phone.call { try $0.pending() }.map(\.id))
            await refresh()
            pending = try await services.phone.call { try $0.pending() }
            // A push may have come meanwhile, and was told of then.
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

    /// The person denied a request in the system's notification, and sees no screen: what did not go through is told by another.
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

    /// Takes back what the system shows of requests that wait for nobody any more.
    private func takeBackAlerts() async {
        guard let alerts = services.alerts else { return }
        let over = await alerts.shown().subtracting(pending.map(\.id))
        if !over.isEmpty { await alerts.remove(over) }
    }

    /// Fetches what is pending while the app is in front, until the task is cancelled: once where pushes tell of more, else
    /// again and again, with servers holding the question until something is there. Sends nothing that could be torn.
    ///
    /// - Parameter pause: between two questions
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

    /// Sends what waits, and asks the servers for what is pending.
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

    /// - Parameter wait: how long a server may hold the question
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
