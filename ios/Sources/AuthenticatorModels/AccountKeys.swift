import Foundation
import PushAuthenticator

/// Thrown when an account's own key is permanently gone: the account answers nothing until the user adds it again.
struct AccountKeyGone: Error {}

/// Signing with accounts' own keys: registrations and answers.
extension Services {
    /// Adds an account, with its own key if its server accepts one. The key signs the registration after the user has
    /// passed the prompt, and App Attest then vouches for the key if it can. If the device cannot make such a key, the
    /// core makes one.
    ///
    /// - Throws: ``BiometricFailure`` when the key did not sign, or the task was cancelled before anything was added
    func enrol(_ code: String, _ preview: EnrolmentPreview) async throws -> Enrolled {
        let replace = preview.conflict != nil
        let slotWrapper = preview.kinds.contains(.push) ? biometrics : nil
        guard preview.takesDeviceKey else { return try await courier.enrol(code, enrolment(replace: replace), slotWrapper: slotWrapper) }
        guard let signingKeys, let key = try? await signingKeys.make(asksForBiometric: biometrics != nil) else {
            return try await courier.enrol(code, enrolment(replace: replace, key: .software), slotWrapper: slotWrapper)
        }
        let chosen: KeyChoice
        do {
            let toSign = try await phone.call { try $0.registrationToSign(code: code, key: key) }
            let der = try await signingKeys.sign(toSign.bytes, with: key.jwk, asksForBiometric: key.presence == .biometric)
            let attested = if let appAttest { try await phone.attested(key, for: code, by: appAttest) } else { key }
            chosen = .hardware(key: attested, signed: toSign.signed(der: der))
        } catch {
            signingKeys.remove(key.jwk)
            throw error is CancellationError ? BiometricFailure.cancelled : error
        }
        let enrolled = try await courier.enrol(code, enrolment(replace: replace, key: chosen))
        switch enrolled {
        case .rejected, .refused: signingKeys.remove(key.jwk)
        case .ready, .queued, .unconfirmed: break
        }
        return enrolled
    }

    /// Approves with a signature by the account's key, if this app holds it.
    func approve(_ request: SignOnRequest, _ evidence: Evidence) async throws -> Answer {
        let number: String? = if case .number(let number) = evidence { number } else { nil }
        let signed = try await signature(request) { try $0.approvalToSign(notificationId: request.id, number: number) }
        return try await courier.approve(request.id, evidence, signed: signed)
    }

    /// Denies, optionally with a reason, in the same way.
    func deny(_ request: SignOnRequest, _ reason: DenyReason?) async throws -> Answer {
        let signed = try await signature(request) { try $0.denialToSign(notificationId: request.id, reason: reason) }
        return try await courier.deny(request.id, reason: reason, signed: signed)
    }

    func account(of request: SignOnRequest) async throws -> Account? {
        try await phone.call { try $0.accounts() }.first { $0.id == request.accountId }
    }

    /// Removes the keys of deleted accounts. Must not be called while an account is being added.
    func forgetUnusedKeys() async {
        // Without the list, no key is known to be unused.
        guard let accounts = try? await phone.call({ try $0.accounts() }) else { return }
        signingKeys?.keepOnly(Set(accounts.filter(\.needsSignature).compactMap(\.key?.jwk)))
        let bound = accounts.filter(\.hasBiometricSlot)
        guard let biometrics, let slots = try? await phone.call({ core in try bound.map { try core.biometricSlot(accountId: $0.id) } })
        else { return }
        biometrics.keepOnly(slots)
    }

    /// Returns nil if no signature by this app is needed.
    private func signature(
        _ request: SignOnRequest, _ what: @escaping @Sendable (Authenticator) throws -> ToSign
    ) async throws -> Signed? {
        guard let account = try await account(of: request), account.needsSignature, let key = account.key else { return nil }
        let toSign = try await phone.call(what)
        guard let signingKeys else { throw BiometricFailure.unavailable }
        do {
            return toSign.signed(der: try await signingKeys.sign(toSign.bytes, with: key.jwk, asksForBiometric: key.presence == .biometric))
        } catch BiometricFailure.invalidated {
            try await phone.call { try $0.deviceKeyInvalidated(accountId: account.id) }
            signingKeys.remove(key.jwk)
            throw AccountKeyGone()
        }
    }
}

/// Signs pulls with accounts' own keys that work without the user.
public struct UnaskedSigner: PullSigner {
    private let phone: Phone
    private let signingKeys: (any SigningKeys)?

    public init(_ phone: Phone, _ signingKeys: (any SigningKeys)?) {
        self.phone = phone
        self.signingKeys = signingKeys
    }

    public func sign(_ toSign: ToSign, for accountId: String) async throws -> Signed? {
        let account = try await phone.call { try $0.accounts() }.first { $0.id == accountId }
        guard let signingKeys, let key = account?.key, key.presence == .none else { return nil }
        guard let der = try? await signingKeys.sign(toSign.bytes, with: key.jwk, asksForBiometric: false) else { return nil }
        return toSign.signed(der: der)
    }
}

/// What is wrong with an account.
public struct AccountProblem: Equatable, Sendable {
    public let words: Words
    /// The name of the policy that the device does not meet.
    public let policy: String?

    /// Returns nil when the account is ready.
    public init?(_ account: Account) {
        guard let words = Words(problemOf: account) else { return nil }
        self.words = words
        policy = account.state == .locked ? account.unmetPolicy : nil
    }
}

extension Words {
    /// Returns what is wrong with an account, or nil when it is ready.
    public init?(problemOf account: Account) {
        switch account.state {
        case .active: return nil
        case .enrolling: self = .accountEnrolling
        case .unconfirmed: self = .accountUnconfirmed
        case .locked: self = .accountLocked
        case .reEnrolmentNeeded: self = account.key?.isInvalidated == true ? .accountKeyGone : .accountReEnrolmentNeeded
        }
    }

    /// Returns what protects the answers of an account, or nil if it only has one-time passwords.
    public init?(protectionOf account: Account) {
        guard account.kinds.contains(.push) else { return nil }
        guard let key = account.key else {
            self = .protectedShared
            return
        }
        switch (key.level, key.presence) {
        case (.software, _): self = .protectedSoftware
        case (_, .biometric): self = .protectedBiometric
        case (_, .device), (_, .none): self = .protectedHardware
        }
    }
}
