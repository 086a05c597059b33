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
        /// The account's biometric is not that of the device any more: only denying is left.
        case biometricChanged
        case failed(Failure)
    }

    /// Why an approval did not go through, while another try is possible.
    public enum Note: Equatable, Sendable {
        case refused(Failure)
        case biometricUnavailable
    }

    public let request: SignOnRequest
    public private(set) var state: State = .asking
    public private(set) var note: Note?
    private let services: Services

    public nonisolated var id: String { request.id }

    public init(_ request: SignOnRequest, _ services: Services) {
        self.request = request
        self.services = services
    }

    /// The numbers to choose from; none where no number is asked for.
    public var numbers: [String] {
        if case .number(let numbers) = request.ask { numbers } else { [] }
    }

    /// Whether the request can only be denied on this device.
    public var canApprove: Bool { !request.concealed && !(request.ask == .biometric && services.biometrics == nil) }

    /// How long an answer counts, by this phone's clock.
    public func remaining(at time: Date) -> TimeInterval {
        max(0, TimeInterval(request.expiresAt) / 1000 - time.timeIntervalSince1970)
    }

    public func accept() async { await answer { try await $0.approve($1, .tap) } }

    public func choose(_ number: String) async { await answer { try await $0.approve($1, .number(number: number)) } }

    public func deny() async { await answer { try await $0.deny($1) } }

    /// Approves with the biometric: the key of the account's slot is unwrapped in the system's prompt.
    public func acceptWithBiometric() async {
        guard let biometrics = services.biometrics else { return }
        let id = request.id
        await answer { [phone = services.phone, accountId = request.accountId] courier, _ in
            let wrapped = try await phone.call { try $0.biometricChallenge(notificationId: id) }
            do {
                return try await courier.approve(id, .biometric(slot: biometrics.unwrap(wrapped)))
            } catch BiometricFailure.invalidated {
                try await phone.call { try $0.biometricInvalidated(accountId: accountId) }
                throw BiometricFailure.invalidated
            }
        }
    }

    /// Answers once: a second tap while the first is on its way does nothing.
    private func answer(_ send: @escaping @Sendable (Courier, String) async throws -> Answer) async {
        guard state == .asking else { return }
        (state, note) = (.answering, nil)
        do {
            switch try await send(services.courier, request.id) {
            case .settled(.denied): state = .settled(.denied)
            case .settled: state = .settled(.approved)
            case .refused(_, let message): state = .settled(.refused(message))
            case .outcomeUnknown: state = .settled(.outcomeUnknown)
            case .queued: state = .settled(.queued)
            case .expired: state = .settled(.expired)
            case .rejected(let reason): reject(Failure(reason))
            }
        } catch BiometricFailure.cancelled {
            state = .asking
        } catch BiometricFailure.unavailable {
            (state, note) = (.asking, .biometricUnavailable)
        } catch BiometricFailure.invalidated {
            state = .settled(.biometricChanged)
        } catch let error as AuthenticatorError {
            reject(Failure(error))
        } catch {
            state = .settled(.failed(Failure(error)))
        }
    }

    /// Nothing was sent. Where something else than this answer may be taken, the person is asked again.
    private func reject(_ failure: Failure) {
        switch failure.code {
        case "expired", "already-answered": state = .settled(failure.code == "expired" ? .expired : .failed(failure))
        case "biometric-invalidated": state = .settled(.biometricChanged)
        default: (state, note) = (.asking, .refused(failure))
        }
    }
}
