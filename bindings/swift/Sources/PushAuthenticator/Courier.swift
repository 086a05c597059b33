import Foundation

/// Sends what the core has put in its outbox and reports the results back. Anything that could not be sent stays in the
/// vault, so nothing is lost when a courier's task is cancelled or its process is killed.
public final class Courier: Sendable {
    private static let longestPull: Duration = .seconds(30)
    private let phone: Phone
    private let transport: any HTTPTransport
    private let signer: (any PullSigner)?
    /// Ids of the HTTP requests that this courier is currently sending. Locked while requests are picked, never while
    /// they are sent, so that a server that does not answer delays nobody else.
    private let underway = Locked<Set<String>>([])
    private let arrivals = Changes()
    /// Accounts whose servers said that they do not list pending messages.
    private let withoutList = Locked<Set<String>>([])

    /// - Parameter signer: signs pulls for accounts whose key the app holds; without one, those accounts are not pulled
    public init(_ phone: Phone, transport: any HTTPTransport = URLSessionTransport(), signer: (any PullSigner)? = nil) {
        self.phone = phone
        self.transport = transport
        self.signer = signer
    }

    /// Sends everything that is due now, and anything that becomes due as a result.
    ///
    /// - Throws: ``AuthenticatorError`` when the vault cannot be used, `CancellationError`, and any error of the
    ///   transport that is not a ``TransportError``
    @discardableResult
    public func deliver() async throws -> [Report] {
        var reports: [Report] = []
        while let more = try await deliverRound() { reports += more }
        return reports
    }

    /// Runs one round of ``deliver()``. Returns nil if nothing is due.
    private func deliverRound() async throws -> [Report]? {
        try Task.checkCancellation()
        // The core reserves each request for this courier for a minute, so each one is reported even after a
        // cancellation.
        let due = try await phone.look { [underway] core in
            try underway.withLock { ids in
                let due = try core.due()
                ids.formUnion(due.map(\.id))
                return due
            }
        }
        if due.isEmpty { return nil }
        return try await withThrowingTaskGroup(of: Report?.self) { group in
            for request in due { group.addTask { try await self.send(request) } }
            return try await group.reduce(into: []) { reports, report in report.map { reports.append($0) } }
        }
    }

    /// Delivers whatever is due, now and each time something becomes due, until its task is cancelled. A round that has
    /// started by then is completed, so that no answer is cut off; that takes as long as the transport waits for a
    /// server.
    public func run() async throws {
        while let version = phone.version {
            repeat { try Task.checkCancellation() } while try await Task { try await deliverRound() }.value != nil
            let next = try await phone.look { try $0.outbox() }.map(\.nextAttemptAt).min()
            await phone.awaitChange(after: version, atMost: next.map { .milliseconds($0 - epochMilliseconds()) })
            try Task.checkCancellation()
        }
        throw PhoneClosed()
    }

    /// Asks every server for its pending messages. New sign-on requests appear in ``Phone/notifications``. This courier
    /// does not ask a server again once it has said that it does not offer this.
    ///
    /// - Parameter wait: how long a server may hold the HTTP request until a message arrives; at most 30 seconds
    /// - Throws: ``AuthenticatorError`` when the vault cannot be used, and `CancellationError`
    @discardableResult
    public func pull(wait: Duration = .zero) async throws -> [PullResult] {
        let wait = min(max(wait, .zero), Self.longestPull)
        let without = withoutList.withLock { $0 }
        let pulls = try await phone.look { try $0.pull(waitSeconds: Self.seconds(wait)) }.filter { !without.contains($0.accountId) }
        let toSign = try await phone.look { try $0.pullsToSign() }.filter { !without.contains($0.accountId) }
        return try await withThrowingTaskGroup(of: (Int, PullResult).self) { group in
            for (index, pull) in pulls.enumerated() {
                group.addTask { (index, try await self.ask(pull.accountId, wait) { pull }) }
            }
            for (index, pull) in toSign.enumerated() {
                group.addTask {
                    let result = try await self.ask(pull.accountId, wait) { try await self.make(pull.accountId, wait, pull.toSign) }
                    return (pulls.count + index, result)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Processes a push as the platform delivered it. If the push only hints that a message is waiting, asks the
    /// account's server for that message immediately.
    ///
    /// - Parameter payload: JSON: APNs' user info, FCM's data map, or `{"messageId", "message"}`
    /// - Throws: ``AuthenticatorError`` when the push is rejected, which changes nothing, or the vault cannot be used,
    ///   and `CancellationError`
    public func receive(_ payload: Data) async throws -> Arrival {
        switch try await phone.call({ try $0.receive(payload: payload) }) {
        case .message(let notification): return .request(notification)
        case .hint(let accountId, _):
            let result = try await ask(accountId, .zero) { try await self.make(accountId, .zero, self.toSign(accountId)) }
            switch try await phone.call({ try $0.receive(payload: payload) }) {
            case .message(let notification): return .request(notification)
            case .hint: return .missing(result)
            }
        }
    }

    /// Approves a sign-on request with the evidence that it requires, and sends the answer.
    ///
    /// - Parameter signed: `Authenticator.approvalToSign` signed by the account's own key, if the app holds that key
    public func approve(_ notificationId: String, _ evidence: Evidence, signed: Signed? = nil) async throws -> Answer {
        try await answer(notificationId) { core in
            guard let signed else { return try core.approve(notificationId: notificationId, evidence: evidence) }
            try core.approveSigned(notificationId: notificationId, evidence: evidence, signedAnswer: signed)
        }
    }

    /// Denies a sign-on request, and sends the answer.
    ///
    /// - Parameters:
    ///   - reason: why; only for accounts that have their own key
    ///   - signed: `Authenticator.denialToSign` for the same reason, signed by the account's own key, if the app holds
    ///     that key
    public func deny(_ notificationId: String, reason: DenyReason? = nil, signed: Signed? = nil) async throws -> Answer {
        try await answer(notificationId) { core in
            switch (reason, signed) {
            case (_, let signed?): try core.denySigned(notificationId: notificationId, reason: reason, signedAnswer: signed)
            case (let reason?, nil): try core.denyFor(notificationId: notificationId, reason: reason)
            case (nil, nil): try core.deny(notificationId: notificationId)
            }
        }
    }

    /// Adds the account of a registration URI that the user confirmed after the preview, and sends its registration.
    ///
    /// - Parameter slotWrapper: binds the account to the platform's biometric; without one, sign-on requests that
    ///   require a biometric can only be denied, unless the enrolment's key requires a biometric itself
    public func enrol(_ code: String, _ enrolment: Enrolment, slotWrapper: (any SlotWrapper)? = nil) async throws -> Enrolled {
        let account: Account
        do {
            account = try await phone.call { try $0.enrol(code: code, enrolment: enrolment, slotWrapper: slotWrapper) }
        } catch let reason as AuthenticatorError {
            return .rejected(reason)
        }
        let reports = try await deliver { $0.accountId == account.id }
        let now = try await phone.look { try $0.accounts() }.first { $0.id == account.id }
        guard let now else {
            let refused = reports.refusal { $0 == .accountRemoved(accountId: account.id) }
            return .refused(status: refused?.status, message: refused?.message)
        }
        switch now.state {
        case .enrolling: return .queued(now)
        case .unconfirmed: return .unconfirmed(now)
        case .active, .locked, .reEnrolmentNeeded: return .ready(now)
        }
    }

    /// Sends what is due. If another round is already sending one of the matching requests, waits for it.
    private func deliver(_ isMeant: (Waiting) -> Bool) async throws -> [Report] {
        let reports = try await deliver()
        guard let waiting = try await phone.look({ try $0.outbox() }).first(where: isMeant) else { return reports }
        while let version = arrivals.version, underway.withLock({ $0.contains(waiting.id) }) {
            await arrivals.wait(after: version, atMost: nil)
            try Task.checkCancellation()
        }
        return reports
    }

    private func answer(_ notificationId: String, _ decide: @escaping @Sendable (Authenticator) throws -> Void) async throws -> Answer {
        do {
            try await phone.call(decide)
        } catch let reason as AuthenticatorError {
            return .rejected(reason)
        }
        let reports = try await deliver { $0.notificationId == notificationId }
        let state = try await phone.look { try $0.notification(id: notificationId) }.state
        switch state {
        case .approved, .denied: return .settled(state)
        case .failed, .withdrawn:
            let refused = reports.refusal { $0 == .answered(notificationId: notificationId, state: state) }
            return .refused(status: refused?.status, message: refused?.message)
        case .outcomeUnknown: return .outcomeUnknown
        case .expired: return .expired
        case .answering, .pending: return .queued
        }
    }

    /// Returns the result of one HTTP request, or nil if its account was removed in the meantime.
    private func send(_ request: HttpRequest) async throws -> Report? {
        defer {
            underway.withLock { _ = $0.remove(request.id) }
            arrivals.announce()
        }
        if Task.isCancelled { return try await report(request, .failure(.notSent)) }
        let response: HttpResponse
        do {
            response = try await transport.post(HTTPPost(url: request.url, headers: request.headers, body: request.body))
        } catch TransportError.notSent {
            return try await report(request, .failure(.notSent))
        } catch TransportError.noAnswer {
            return try await report(request, .failure(.fateUnknown))
        } catch {
            // Cancelled, or the transport is broken. The HTTP request may already be on its way.
            _ = try await report(request, .failure(.fateUnknown))
            throw error
        }
        return try await report(request, .response(response))
    }

    private enum Fate {
        case response(HttpResponse)
        case failure(SendFailure)
    }

    private func report(_ request: HttpRequest, _ fate: Fate) async throws -> Report? {
        do {
            let delivery = try await phone.call { core in
                switch fate {
                case .response(let response): try core.delivered(requestId: request.id, response: response)
                case .failure(let failure): try core.failed(requestId: request.id, failure: failure)
                }
            }
            return Report(requestId: request.id, kind: request.kind, delivery: delivery)
        } catch let refused as AuthenticatorError where refused.code == "request-not-found" {
            return nil
        }
    }

    private func ask(
        _ accountId: String, _ wait: Duration, _ first: () async throws -> PullRequest
    ) async throws -> PullResult {
        let outcome: PullResult.Outcome
        do {
            var pulled = try await askOnce(first(), wait)
            if pulled == .askAgain {
                // The phone now knows the server's time, and the next pull carries it.
                pulled = try await askOnce(make(accountId, .zero, toSign(accountId)), .zero)
            }
            outcome = .answered(pulled)
            withoutList.withLock { if pulled == .notOffered { $0.insert(accountId) } else { $0.remove(accountId) } }
        } catch let reason as AuthenticatorError {
            outcome = .rejected(reason)
        } catch let failure as TransportError {
            outcome = .unreachable(failure)
        }
        return PullResult(accountId: accountId, outcome: outcome)
    }

    /// Returns what the account's key has to sign for the next pull, if anything.
    private func toSign(_ accountId: String) async throws -> ToSign? {
        try await phone.look { try $0.pullsToSign() }.first { $0.accountId == accountId }?.toSign
    }

    /// Builds a pull for this account, signed if there is something to sign. The core rejects a pull that should have
    /// been signed and was not.
    private func make(_ accountId: String, _ wait: Duration, _ toSign: ToSign?) async throws -> PullRequest {
        let seconds = Self.seconds(wait)
        if let toSign, let signed = try await signer?.sign(toSign, for: accountId) {
            return try await phone.look { try $0.pullSigned(accountId: accountId, waitSeconds: seconds, signature: signed) }
        }
        return try await phone.look { try $0.pullAccount(accountId: accountId, waitSeconds: seconds) }
    }

    private static func seconds(_ wait: Duration) -> UInt32 { UInt32(wait.components.seconds) }

    private func askOnce(_ pull: PullRequest, _ wait: Duration) async throws -> Pulled {
        let post = HTTPPost(url: pull.url, headers: pull.headers, body: pull.body, patience: wait)
        let response = try await transport.post(post)
        return try await phone.call { try $0.pulled(pull: pull, response: response) }
    }
}

extension [Report] {
    fileprivate func refusal(of isOutcome: (Outcome) -> Bool) -> (status: UInt16, message: String?)? {
        for case .refused(let status, let message, let outcome) in map(\.delivery) where isOutcome(outcome) {
            return (status, message)
        }
        return nil
    }
}
