import Foundation
import PushAuthenticator
import Testing

struct ProofCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let messageId, challenge, audience, decision, number, shown, mechanismUid, nonce: String?
        let iat, now: Int64?
    }

    let name, kind: String
    let jwk: [String: String]?
    let token: String?
    let expected: Expected?
    let accepted: Bool?
    let reason, error: String?
    let secret, message, issuer, account, digest: String?
    let messageId, challenge, audience, attestationChallenge, clientDataHash: String?
    var testDescription: String { name }

    /// Uncompressed.
    var point: Data? {
        guard let x = jwk?["x"].flatMap({ Data(base64URL: $0) }), let y = jwk?["y"].flatMap({ Data(base64URL: $0) }) else { return nil }
        return [4] + x + y
    }
}

/// The cases under tests/vectors/proofs, to the extent that a phone produces their content: what was displayed, what a
/// platform has to attest, and accepted registrations, answers and pulls. `SignedProofVectorTests` covers the checking
/// of signatures.
@Suite(.timeLimit(.minutes(2))) struct ProofVectorTests {
    static let cases: [ProofCase] = vectors("proofs")
    static let shown = cases.filter { $0.kind == "shown" }
    static let registrations = cases.filter { $0.kind == "registration" && $0.accepted == true }
    static let attestations = cases.filter { $0.kind == "attestation" }
    static let answers = cases.filter { $0.kind == "answer" && $0.accepted == true }

    @Test func theCasesAreThere() {
        #expect(Self.cases.count == vectorCount("proofs"))
        #expect(Self.shown.count == 5 && Self.attestations.count == 2 && Self.registrations.count == 1 && Self.answers.count == 9)
    }

    static func code(
        _ issuer: String, _ account: String, _ secret: Data, messageId: String = "REGISTER:1", challenge: Data = Data(count: 32),
        origin: String = "https://login.example.com"
    ) -> String {
        "pushauth://push/\(account.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")?issuer=\(encode(issuer))&v=2"
            + "&m=\(messageId.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")&s=\(secret.base64URL)&c=\(challenge.base64URL)"
            + "&r=\(encode("\(origin)/am/push?_action=register"))&a=\(encode("\(origin)/am/push?_action=authenticate"))"
    }

    /// Returns header and claims of a token or of bytes to sign, without the times, which come from the clock.
    private func parts(_ token: some StringProtocol) throws -> (header: String, claims: NSDictionary) {
        let parts = token.split(separator: ".")
        var claims = try json(#require(Data(base64URL: parts[1])))
        (claims["iat"], claims["exp"]) = (nil, nil)
        return (String(parts[0]), claims as NSDictionary)
    }

    /// A sign-on request of an account with a hardware key, whose server signs this case's message for it.
    private func ask(_ shown: ProofCase, messageId: String, isNumbered: Bool) throws -> (Authenticator, SignOnRequest) {
        let secret = try Data(hexadecimal: #require(shown.secret)), (core, chip) = (try openCore(), Chip())
        let code = try Self.code(#require(shown.issuer), #require(shown.account), secret)
        _ = try core.enrol(code: code, enrolment: enrolment(key: chip.choice(core, code)), slotWrapper: nil)
        let registration = try #require(try core.due().first)
        var message = try claims(shown.message, secret: secret)
        message["u"] = try claims(json(registration.body)["jwt"], secret: secret)["mechanismUid"]
        if !isNumbered { (message["k"], message["n"]) = (nil, nil) }
        let now = (message["i"] as? String).flatMap(Int64.init).map { date($0 / 1000) }
        _ = try core.delivered(requestId: registration.id, response: HttpResponse(status: 200, date: now, body: Data("{}".utf8)))
        return (core, try core.receiveMessage(messageId: messageId, jwt: sign(message, secret: secret)))
    }

    @Test(arguments: shown) func whatIsShown(_ vector: ProofCase) throws {
        let (core, request) = try ask(vector, messageId: "message", isNumbered: false)
        let toSign = try core.approvalToSign(notificationId: request.id, number: nil)
        #expect(try parts(String(decoding: toSign.bytes, as: UTF8.self)).claims["shown"] as? String == vector.digest)
    }

    @Test(arguments: attestations) func whatAPlatformHasToAttest(_ vector: ProofCase) throws {
        let (messageId, challenge) = try (#require(vector.messageId), Data(hexadecimal: #require(vector.challenge)))
        let code = try Self.code("Ping", "ada", secret, messageId: messageId, challenge: challenge, origin: #require(vector.audience))
        let core = try openCore()
        #expect(try core.preview(code: code).attestationChallenge == Data(hexadecimal: #require(vector.attestationChallenge)))
        let jwk = try DeviceKey.jwk(point: #require(vector.point))
        #expect(try core.appAttestClientDataHash(code: code, jwk: jwk) == Data(hexadecimal: #require(vector.clientDataHash)))
    }

    @Test func aPull() throws {
        let (core, chip) = (try openCore(), Chip())
        let code = Self.code("Ping", "ada", secret)
        let server = try Registered(core, code, date: date(1_893_456_000), key: chip.choice(core, code, .none))
        let toSign = try #require(try core.pullsToSign().first).toSign
        let token = try #require(Self.cases.first { $0.name == "pull" }?.token)
        let (made, theirs) = (try parts(String(decoding: toSign.bytes, as: UTF8.self)), try parts(token))
        #expect(made.header == theirs.header && Set(made.claims.allKeys.map { "\($0)" }) == Set(theirs.claims.allKeys.map { "\($0)" }))
        #expect(made.claims["sub"] as? String == server.mechanismUid)
        #expect(made.claims["aud"] as? String == theirs.claims["aud"] as? String)
    }

    @Test(arguments: registrations) func registration(_ vector: ProofCase) throws {
        let (expected, point) = try (#require(vector.expected), #require(vector.point))
        let code = try Self.code("Ping", "ada", secret, messageId: #require(expected.messageId), challenge: Data(hexadecimal: #require(expected.challenge)))
        let toSign = try openCore().registrationToSign(code: code, key: DeviceKey(point: point, level: .secureEnclave, presence: .biometric))
        let (made, theirs) = (try parts(String(decoding: toSign.bytes, as: UTF8.self)), try parts(#require(vector.token)))
        #expect(made.header == theirs.header && made.claims == theirs.claims)
    }

    @Test(arguments: answers) func answer(_ vector: ProofCase) throws {
        let expected = try #require(vector.expected)
        let shown = try #require(Self.shown.first { $0.digest == expected.shown })
        let (core, request) = try ask(shown, messageId: #require(expected.messageId), isNumbered: expected.number != nil)
        let reasons: [String: DenyReason] = ["not-me": .notMe, "mistake": .mistake, "other": .other]
        let toSign = expected.decision == "approve"
            ? try core.approvalToSign(notificationId: request.id, number: expected.number)
            : try core.denialToSign(notificationId: request.id, reason: vector.reason.flatMap { reasons[$0] })
        let (made, theirs) = (try parts(String(decoding: toSign.bytes, as: UTF8.self)), try parts(#require(vector.token)))
        #expect(made.header == theirs.header && made.claims == theirs.claims)
    }
}
