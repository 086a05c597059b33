import Foundation
import PushAuthenticator
import Testing

struct ProofCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let messageId, challenge, audience, decision, number, shown: String?
    }

    let name, kind: String
    let jwk: [String: String]?
    let token: String?
    let expected: Expected?
    let accepted: Bool?
    let reason: String?
    let secret, message, issuer, account, digest: String?
    var testDescription: String { name }
}

/// The cases under tests/vectors/proofs, as far as a phone makes what they hold: what was shown, and accepted registrations and
/// answers. What is refused there, and the proofs of pulls, are a server's to read: this interface reads none.
@Suite(.timeLimit(.minutes(2))) struct ProofVectorTests {
    static let cases: [ProofCase] = vectors("proofs")
    static let shown = cases.filter { $0.kind == "shown" }
    static let registrations = cases.filter { $0.kind == "registration" && $0.accepted == true }
    static let answers = cases.filter { $0.kind == "answer" && $0.accepted == true }

    @Test func theCasesAreThere() {
        #expect(Self.cases.count == vectorCount("proofs"))
        #expect(Self.shown.count == 5 && Self.registrations.count == 1 && Self.answers.count == 9)
    }

    private static func code(_ issuer: String, _ account: String, _ secret: Data, messageId: String = "REGISTER:1", challenge: Data = Data(count: 32)) -> String {
        "pushauth://push/\(account.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")?issuer=\(encode(issuer))&v=2"
            + "&m=\(messageId.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")&s=\(secret.base64URL)&c=\(challenge.base64URL)"
            + "&r=\(encode("https://login.example.com/am/push?_action=register"))&a=\(encode("https://login.example.com/am/push?_action=authenticate"))"
    }

    /// Header and claims of a token or of what is to be signed, but for the times, which are the clock's.
    private func parts(_ token: some StringProtocol) throws -> (header: String, claims: NSDictionary) {
        let parts = token.split(separator: ".")
        var claims = try json(#require(Data(base64URL: parts[1])))
        (claims["iat"], claims["exp"]) = (nil, nil)
        return (String(parts[0]), claims as NSDictionary)
    }

    /// A request of an account with a key in hardware, whose server signs this case's message for it.
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

    @Test(arguments: registrations) func registration(_ vector: ProofCase) throws {
        let (expected, jwk) = try (#require(vector.expected), #require(vector.jwk))
        let point = try Data([4]) + #require(jwk["x"].flatMap { Data(base64URL: $0) }) + #require(jwk["y"].flatMap { Data(base64URL: $0) })
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
