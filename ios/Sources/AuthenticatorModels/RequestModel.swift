import Foundation
import Observation
import PushAuthenticator

/// One sign-on request on the screen: who asks, from where, and the person's answer to it.
@MainActor @Observable
public final class RequestModel: Identifiable {
    public enum State: Equatable, Sendable {
        case asking
        case answering
        case settled(Result)
    }

    public enum Result: Equatable, Sendable {
        case approved
        case denied
        /// The server did not take it; what it said.
        case refused(String?)
        /// It was sent, and whether it counted is not known.
        case outcomeUnknown
        /// It is sent when the server can be reached.
        case queued
        case expired
        /// The server does not ask any more.
        case withdrawn
        /// The account's biometric is not that of the device any more: only denying is left.
        case biometricChanged
        /// The account's own key is gone: it answers nothing until it was added again.
        case keyGone
        case failed(Failure)
    }

    /// Why an approval did not go through, while another try is possible.
    public enum Note: Equatable, Sendable {
        case refused(Failure)
        case biometricUnavailable
    }

    public let request: SignOnRequest
    public private(set) var state: State
    public private(set) var note: Note?
    /// The account's own key, once it is known.
    public private(set) var key: AccountKey?
    /// What the person said why, where the request was denied for a reason.
    public private(set) var reason: DenyReason?
    private let services: Services

    public nonisolated var id: String { request.id }

    public init(_ request: SignOnRequest, _ services: Services) {
        self.request = request
        self.services = services
        state = Self.result(of: request.state).map { .settled($0) } ?? .asking
    }

    /// Whether a denial can still be given: also once the biometric turned out to be another, so that nothing can be approved.
    public var canDeny: Bool { state == .asking || state == .settled(.biometricChanged) }

    /// The numbers to choose from; none where no number is asked for.
    public var numbers: [String] {
        if case .number(let numbers) = request.ask { numbers } else { [] }
    }

    /// Whether the request can only be denied on this device.
    public var canApprove: Bool { !request.concealed && !(request.ask == .biometric && services.biometrics == nil) }

    /// Whether the account's server takes a reason with a denial.
    public var takesReason: Bool { key != nil }

    /// Looks what key the account has, before anything is asked.
    public func prepare() async {
        do {
            key = try await services.account(of: request)?.key
            if key?.isInvalidated == true, state == .asking { state = .settled(.keyGone) }
        } catch {
            note = .refused(Failure(error))
        }
    }

    /// How long an answer counts, by this phone's clock.
    public func remaining(at time: Date) -> TimeInterval {
        max(0, TimeInterval(request.expiresAt) / 1000 - time.timeIntervalSince1970)
    }

    public func accept() async { await approve { try await $0.approve($1, .tap) } }

    public func choose(_ number: String) async { await approve { try await $0.approve($1, .number(number: number)) } }

    /// - Parameter reason: where the account ``takesReason``
    public func deny(_ reason: DenyReason? = nil) async {
        guard canDeny else { return }
        self.reason = reason
        await answer { try await $0.deny($1, reason) }
    }

    /// The request does not wait for the person any more, and not by an answer given here: says what became of it.
    func end() async {
        guard canDeny else { return }
        let ended = await look()
        // An answer may have begun meanwhile.
        if let ended, canDeny { (state, note) = (.settled(ended), nil) }
    }

    /// Says what becomes of an answer that waits or is on its way, until the task is cancelled.
    public func follow(pause: Duration = .seconds(1)) async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: pause)
            } catch {
                return
            }
            if state == .settled(.queued), let now = await look() { state = .settled(now) }
        }
    }

    /// What became of the request; nothing while it waits for the person.
    private func look() async -> Result? {
        do {
            return Self.result(of: try await services.phone.call { [request] in try $0.notification(id: request.id) }.state)
        } catch {
            return .failed(Failure(error))
        }
    }

    private static func result(of state: NotificationState) -> Result? {
        switch state {
        case .pending: nil
        case .answering: .queued
        case .approved: .approved
        case .denied: .denied
        case .expired: .expired
        case .failed: .refused(nil)
        case .outcomeUnknown: .outcomeUnknown
        case .withdrawn: .withdrawn
        }
    }

    /// Approves with the biometric: the account's own key signs, or the key of its slot is unwrapped, in the system's prompt.
    public func acceptWithBiometric() async {
        guard let biometrics = services.biometrics else { return }
        await approve { services, request in
            if let account = try await services.account(of: request), account.needsSignature, let key = account.key, key.presence == .biometric {
                // The signature is the evidence.
                return try await services.approve(request, .tap)
            }
            let wrapped = try await services.phone.call { try $0.biometricChallenge(notificationId: request.id) }
            let slot: Data
            do {
                slot = try await biometrics.unwrap(wrapped)
            } catch BiometricFailure.invalidated {
                try await services.phone.call { try $0.biometricInvalidated(accountId: request.accountId) }
                throw BiometricFailure.invalidated
            }
            return try await services.approve(request, .biometric(slot: slot))
        }
    }

    private func approve(_ send: @escaping @Sendable (Services, SignOnRequest) async throws -> Answer) async {
        if state == .asking { await answer(send) }
    }

    /// Answers once: a second tap while the first is on its way does nothing.
    private func answer(_ send: @escaping @Sendable (Services, SignOnRequest) async throws -> Answer) async {
        guard canDeny else { return }
        let before = state
        (state, note) = (.answering, nil)
        do {
            switch try await services.background.run({ try await send(services, request) }) {
            case .settled(.denied): state = .settled(.denied)
            case .settled: state = .settled(.approved)
            case .refused(_, let message): state = .settled(.refused(message))
            case .outcomeUnknown: state = .settled(.outcomeUnknown)
            case .queued: state = .settled(.queued)
            case .expired: state = .settled(.expired)
            case .rejected(let reason): reject(Failure(reason), before)
            }
        } catch BiometricFailure.cancelled {
            state = before
        } catch BiometricFailure.unavailable {
            (state, note) = (before, .biometricUnavailable)
        } catch BiometricFailure.invalidated {
            state = .settled(.biometricChanged)
        } catch is AccountKeyGone {
            state = .settled(.keyGone)
        } catch let error as AuthenticatorError {
            reject(Failure(error), before)
        } catch {
            state = .settled(.failed(Failure(error)))
        }
    }

    /// Nothing was sent. Where something else than this answer may be taken, the person is asked again.
    private func reject(_ failure: Failure, _ before: State) {
        switch failure.code {
        case "expired", "already-answered": state = .settled(failure.code == "expired" ? .expired : .failed(failure))
        case "device-key-invalidated": state = .settled(.keyGone)
        case "biometric-invalidated": state = .settled(.biometricChanged)
        default: (state, note) = (before, .refused(failure))
        }
    }
}
