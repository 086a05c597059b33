import Foundation
import Observation
import PushAuthenticator

/// One sign-on request on the screen: who asks, from where, and the user's answer.
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
        /// The server rejected the answer; the value is the server's text.
        case refused(String?)
        /// The answer was sent, and it is unknown whether it counted.
        case outcomeUnknown
        /// The answer will be sent once the server can be reached.
        case queued
        case expired
        /// The server has withdrawn the sign-on request.
        case withdrawn
        /// The device's biometrics have changed since the account was bound to them: it can only be denied.
        case biometricChanged
        /// The account's own key is gone: the account answers nothing until the user adds it again.
        case keyGone
        case failed(Failure)
    }

    /// Why an approval did not go through, while another attempt is possible.
    public enum Note: Equatable, Sendable {
        case refused(Failure)
        case biometricUnavailable
    }

    public let request: SignOnRequest
    public private(set) var state: State
    public private(set) var note: Note?
    /// The account's own key, once it is known.
    public private(set) var key: AccountKey?
    /// The reason that the user gave for the denial, if any.
    public private(set) var reason: DenyReason?
    private let services: Services

    public nonisolated var id: String { request.id }

    public init(_ request: SignOnRequest, _ services: Services) {
        self.request = request
        self.services = services
        state = Self.result(of: request.state).map { .settled($0) } ?? .asking
    }

    /// Whether the user can still deny. This includes the case that the biometrics have changed, so that approval is
    /// impossible.
    public var canDeny: Bool { state == .asking || state == .settled(.biometricChanged) }

    /// The numbers to choose from; empty if no number is required.
    public var numbers: [String] {
        if case .number(let numbers) = request.ask { numbers } else { [] }
    }

    /// Whether the sign-on request can be approved on this device, and not only denied.
    public var canApprove: Bool { !request.concealed && !(request.ask == .biometric && services.biometrics == nil) }

    /// Whether the account's server accepts a reason with a denial.
    public var takesReason: Bool { key != nil }

    /// Looks up the account's key before the user is asked anything.
    public func prepare() async {
        do {
            key = try await services.account(of: request)?.key
            if key?.isInvalidated == true, state == .asking { state = .settled(.keyGone) }
        } catch {
            note = .refused(Failure(error))
        }
    }

    /// Returns how long an answer is still valid, by this phone's clock.
    public func remaining(at time: Date) -> TimeInterval {
        max(0, TimeInterval(request.expiresAt) / 1000 - time.timeIntervalSince1970)
    }

    public func accept() async { await approve { try await $0.approve($1, .tap) } }

    public func choose(_ number: String) async { await approve { try await $0.approve($1, .number(number: number)) } }

    /// - Parameter reason: only if the account ``takesReason``
    public func deny(_ reason: DenyReason? = nil) async {
        guard canDeny else { return }
        self.reason = reason
        await answer { try await $0.deny($1, reason) }
    }

    /// The sign-on request is no longer pending, for a reason other than an answer given here. Shows what happened to
    /// it.
    func end() async {
        guard canDeny else { return }
        let ended = await look()
        // An answer may have started in the meantime.
        if let ended, canDeny { (state, note) = (.settled(ended), nil) }
    }

    /// Shows the progress of an answer that waits or is on its way, until the task is cancelled.
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

    /// Returns the result of the sign-on request, or nil while it waits for the user.
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

    /// Approves with the biometric: in the system's prompt, the account's own key signs, or the key of its slot is
    /// unwrapped.
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

    /// Answers once: a second tap while the first is in progress does nothing.
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

    /// Nothing was sent. If a different answer may be accepted, asks the user again.
    private func reject(_ failure: Failure, _ before: State) {
        switch failure.code {
        case "expired", "already-answered": state = .settled(failure.code == "expired" ? .expired : .failed(failure))
        case "device-key-invalidated": state = .settled(.keyGone)
        case "biometric-invalidated": state = .settled(.biometricChanged)
        default: (state, note) = (before, .refused(failure))
        }
    }
}
