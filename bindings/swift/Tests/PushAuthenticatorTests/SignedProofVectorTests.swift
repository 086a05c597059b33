import Foundation
import PushAuthenticator
import Testing

/// The proofs under tests/vectors/proofs, accepted and rejected, submitted as an app does: signed by a hardware key,
/// and checked by the core before anything is sent. The account's key is that of the cases.
///
/// Answers are submitted unchanged, with a server's clock at the case's time. The phone's own clock checks a
/// registration, and a pull contains a name that the phone makes, so these are re-signed with only that time or name
/// replaced.
@Suite(.timeLimit(.minutes(2))) struct SignedProofVectorTests {
    private static let all: [ProofCase] = vectors("proofs")
    static let proofs = all.filter { kinds.contains($0.kind) }
    static let answers = proofs.filter { $0.kind == "answer" && leftOut[$0.name] == nil }
    static let pulls = proofs.filter { $0.kind == "pull" && leftOut[$0.name] == nil }
    static let registrations = proofs.filter { $0.kind == "registration" && leftOut[$0.name] == nil }

    private static let kinds: Set = ["answer", "registration", "pull"]
    /// RFC 6979, appendix A.2.5.
    private static let number = Data(hexadecimal: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    /// In seconds: more than passes between setting a clock and reading it.
    private static let margin: Int64 = 30
    /// Cases whose time is a second before a limit: run `margin` before it.
    private static let earlier: Set = [
        "answer-just-not-expired", "answer-from-the-future", "pull-just-not-expired", "pull-from-the-future", "registration-from-the-future",
    ]
    /// Answers by something that is not a key: no account can have it, because its registration is rejected for the
    /// same reason.
    private static let noKeys: Set = ["answer-key-infinity", "answer-key-off-the-curve"]
    /// Cases that cannot be submitted over this interface, and why.
    private static let leftOut = [
        "answer-signature-padded": "a signature is handed in as bytes: the core writes its base64",
        "answer-signature-trailing-bits": "a signature is handed in as bytes: the core writes its base64",
        "pull-other-nonce": "the pull takes its nonce from the proof that is handed in",
        "pull-other-time": "the pull takes its time from the proof that is handed in",
    ]
    /// The text of each error for the user.
    private static let reasons = [
        "proof-signature": "not signed by the device key", "proof-message-id": "about another message",
        "proof-subject": "about another device", "proof-challenge": "about another challenge",
        "proof-audience": "for another server", "proof-from-the-future": "from the future", "proof-expired": "has expired",
        "proof-times": "times are not valid", "proof-thumbprint": "about another key", "proof-decision": "another decision",
        "proof-number": "another number", "proof-reason": "a reason where none belongs", "proof-shown": "about other text",
        "proof-nonce": "goes with another request",
    ]

    @Test func everyCaseIsRunOrNamedWithTheReasonWhyNot() {
        #expect(Self.all.count == vectorCount("proofs"))
        #expect(Set(Self.all.map(\.kind)) == Self.kinds.union(["shown", "attestation"]))
        #expect(Self.proofs.count >= 86 && Self.proofs.filter { $0.accepted == true }.count >= 14)
        #expect(Self.answers.count + Self.pulls.count + Self.registrations.count + Self.leftOut.count == Self.proofs.count)
        let refused = Self.proofs.filter { $0.accepted == false }
        #expect(Self.leftOut.keys.allSatisfy { name in refused.contains { $0.name == name } })
        #expect(Self.noKeys.union(Self.earlier).allSatisfy { name in Self.proofs.contains { $0.name == name } })
        #expect(refused.allSatisfy { $0.error.map { Self.reasons[$0] } != nil })
    }

    @Test(arguments: answers) func answer(_ vector: ProofCase) throws {
        let (core, expected, token) = try (openCore(), #require(vector.expected), #require(vector.token))
        let code = ProofVectorTests.code("Ping", "ada", secret)
        if Self.noKeys.contains(vector.name) {
            return try check(vector, refused { _ = try register(core, vector, code, .device) })
        }
        let server = try register(core, vector, code, .device)
        let everything = try #require(Self.all.first { $0.name == "shown-everything" })
        var message = try claims(everything.message, secret: Data(hexadecimal: #require(everything.secret)))
        message["u"] = server.mechanismUid
        if expected.number == nil { (message["k"], message["n"]) = (nil, nil) }
        let request = try core.receiveMessage(messageId: #require(expected.messageId), jwt: sign(message))
        let reasons: [String: DenyReason] = ["not-me": .notMe, "mistake": .mistake, "other": .other]
        let result = try refused {
            if expected.decision == "deny" {
                let reason = vector.reason.flatMap { reasons[$0] }
                try core.denySigned(notificationId: request.id, reason: reason, signedAnswer: signed(token))
            } else {
                let evidence = expected.number.map { Evidence.number(number: $0) } ?? .tap
                try core.approveSigned(notificationId: request.id, evidence: evidence, signedAnswer: signed(token))
            }
        }
        try check(vector, result)
        try checkWhatGoesOut(core, token, isRefused: result != nil)
        if result != nil { #expect(try core.pending().map(\.id) == [request.id], "and may still be answered") }
    }

    @Test(arguments: pulls) func pull(_ vector: ProofCase) throws {
        let (core, expected) = try (openCore(), #require(vector.expected))
        let server = try register(core, vector, ProofVectorTests.code("Ping", "ada", secret), .none)
        let theirName = try #require(expected.mechanismUid)
        let token = try signedAnew(vector) { $0.replacingOccurrences(of: theirName, with: server.mechanismUid) }
        var pull: PullRequest?
        let result = try refused { pull = try core.pullSigned(accountId: server.account.id, waitSeconds: 0, signature: signed(token)) }
        try check(vector, result)
        guard let pull else { return }
        let claims = try claims(json(pull.body)["jwt"])
        #expect(claims["proof"] as? String == token)
        #expect(claims["nonce"] as? String == expected.nonce && (claims["iat"] as? NSNumber)?.int64Value == expected.iat)
    }

    @Test(arguments: registrations) func registration(_ vector: ProofCase) throws {
        let (core, expected) = try (openCore(), #require(vector.expected))
        let (messageId, challenge) = try (#require(expected.messageId), Data(hexadecimal: #require(expected.challenge)))
        let code = ProofVectorTests.code("Ping", "ada", secret, messageId: messageId, challenge: challenge)
        let passed = try Int64(Date().timeIntervalSince1970) - clock(vector)
        let token = try signedAnew(vector) { claims in
            claims.replacing(/"(iat|exp)":(\d+)/) { "\"\($0.1)\":\((Int64($0.2) ?? 0) + passed)" }
        }
        let key = try DeviceKey(point: #require(vector.point), level: .secureEnclave, presence: .device)
        let choice = try KeyChoice.hardware(key: key, signed: signed(token))
        let result = try refused { _ = try core.enrol(code: code, enrolment: enrolment(key: choice), slotWrapper: nil) }
        try check(vector, result)
        try checkWhatGoesOut(core, token, isRefused: result != nil)
        if result != nil { #expect(try core.accounts() == []) }
    }

    /// Registers an account whose key is the case's, and whose server's clock is at the case's time.
    private func register(_ core: Authenticator, _ vector: ProofCase, _ code: String, _ presence: UserPresence) throws -> Registered {
        let key = try DeviceKey(point: #require(vector.point), level: .secureEnclave, presence: presence)
        let toSign = try core.registrationToSign(code: code, key: key)
        let choice = try KeyChoice.hardware(key: key, signed: toSign.signed(der: pair().sign(toSign.bytes)))
        return try Registered(core, code, date: date(clock(vector)), key: choice)
    }

    /// The key pair of the cases.
    private func pair() throws -> OpenSSL.KeyPair {
        let point = try #require(Self.proofs.first { $0.name == "answer-approve" }?.point)
        return OpenSSL.KeyPair(number: Self.number, point: point)
    }

    private func clock(_ vector: ProofCase) throws -> Int64 {
        try #require(vector.expected?.now) - (Self.earlier.contains(vector.name) ? Self.margin : 0)
    }

    /// Returns the case's token with changed claims, signed correctly, or incorrectly if that is what the case is
    /// about.
    private func signedAnew(_ vector: ProofCase, _ change: (String) -> String) throws -> String {
        let parts = try #require(vector.token).split(separator: ".")
        let claims = try change(String(decoding: #require(Data(base64URL: parts[1])), as: UTF8.self))
        let input = "\(parts[0]).\(encode(claims))"
        var signs = input
        if vector.name.hasSuffix("-altered-after-signing") {
            signs = "\(parts[0]).\(encode(claims.replacingOccurrences(of: "1893456299", with: "1893456300")))"
        }
        let pair = vector.name.hasSuffix("-other-key") ? OpenSSL.KeyPair() : try pair()
        return "\(input).\(OpenSSL.KeyPair.raw(pair.sign(Data(signs.utf8))).base64URL)"
    }

    private func signed(_ token: String) throws -> Signed {
        let point = try #require(token.lastIndex(of: "."))
        let signature = try #require(Data(base64URL: token[token.index(after: point)...]))
        return ToSign(bytes: Data(token[..<point].utf8)).signed(raw: signature)
    }

    private func refused(_ work: () throws -> Void) throws -> (code: String, explanation: String)? {
        do {
            try work()
            return nil
        } catch AuthenticatorError.Refused(let code, let explanation) {
            return (code, explanation)
        }
    }

    /// The boundary has one error code for all of them; the text for the user says which it was.
    private func check(_ vector: ProofCase, _ refused: (code: String, explanation: String)?) throws {
        #expect(refused?.code == vector.error.map { _ in "signature-refused" }, "\(String(describing: refused))")
        guard let error = vector.error, let refused else { return }
        #expect(try refused.explanation.contains(#require(Self.reasons[error])), "\(refused.explanation)")
    }

    private func checkWhatGoesOut(_ core: Authenticator, _ token: String, isRefused: Bool) throws {
        let due = try core.due()
        #expect(due.count == (isRefused ? 0 : 1), "what is refused does not go out")
        for request in due { #expect(try claims(json(request.body)["jwt"])["proof"] as? String == token) }
    }
}
