import Foundation
import PushAuthenticator
import Testing

struct MessageCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let timeToLiveSeconds: Int64
        let sentAt: Int64?
        let ask: String
        let numbers: [String]?
        let text, cookie, customPayload: String?
        let context: Context?
    }

    struct Context: Decodable, Sendable {
        struct Location: Decodable, Sendable { let latitude, longitude: Double }
        let userAgent, platform, remoteIp: String?
        let location: Location?
    }

    struct Answers: Decodable, Sendable {
        let accept, deny: String
        let number: String?
    }

    let name, secret, input: String
    let accepted: Bool
    let error: String?
    let expected: Expected?
    let answers: Answers?
    var testDescription: String { name }
}

/// Every case under tests/vectors/messages, given to a copy of the vault there, which holds their account: what a
/// notification says, and both answers, byte for byte.
@Suite(.timeLimit(.minutes(2))) struct MessageVectorTests {
    static let cases: [MessageCase] = vectors("messages")

    @Test func theCasesAreThere() {
        #expect(Self.cases.count == vectorCount("messages"))
        #expect(Self.cases.filter(\.accepted).count > 20 && Self.cases.filter { !$0.accepted }.count > 30)
    }

    @Test(arguments: cases) func message(_ vector: MessageCase) throws {
        guard vector.accepted else {
            let core = try openMessagesVault()
            // Without the account's name there is no secret to check the signature with.
            let error = vector.name == "mechanism-uid-missing" ? "malformed-message" : vector.error
            #expect(try refusal { try core.receiveMessage(messageId: "message", jwt: vector.input) } == #require(error))
            #expect(try core.pending() == [])
            return
        }
        let (expected, answers) = try (#require(vector.expected), #require(vector.answers))
        try checkAnswer(vector, expected, answers.accept) { core, request in
            try check(request, expected)
            let evidence: Evidence
            switch request.ask {
            case .tap: evidence = .tap
            case .number(let numbers):
                let number = try #require(answers.number)
                #expect(numbers.contains(number))
                evidence = .number(number: number)
            case .biometric: evidence = .biometric(slot: Finger.touch(try core.biometricChallenge(notificationId: request.id)))
            }
            try core.approve(notificationId: request.id, evidence: evidence)
        }
        try checkAnswer(vector, expected, answers.deny) { core, request in try core.deny(notificationId: request.id) }
    }

    private func checkAnswer(
        _ vector: MessageCase, _ expected: MessageCase.Expected, _ answer: String,
        _ decide: (Authenticator, SignOnRequest) throws -> Void
    ) throws {
        let core = try openMessagesVault()
        if let sentAt = expected.sentAt { try setServerTime(core, sentAt / 1000) }
        let notification = try core.receiveMessage(messageId: "message", jwt: input(vector))
        try decide(core, notification)
        let request = try #require(try core.due().first)
        let body = try json(request.body)
        #expect(body["messageId"] as? String == "message")
        #expect(body["jwt"] as? String == answer)
        #expect(request.headers.first { $0.name == "Cookie" }?.value == expected.cookie)
        #expect(request.url == "https://am.example.com/am/push/sns/message?_action=authenticate")
    }

    private func check(_ request: SignOnRequest, _ expected: MessageCase.Expected) throws {
        switch request.ask {
        case .tap: #expect(expected.ask == "tap" && expected.numbers == nil)
        case .number(let numbers): #expect(expected.ask == "number" && numbers == expected.numbers)
        case .biometric: #expect(expected.ask == "biometric" && expected.numbers == nil)
        }
        #expect(request.message == expected.text && request.customPayload == expected.customPayload)
        let lasts = expected.timeToLiveSeconds * 1000
        #expect(request.sentAt == expected.sentAt)
        // By the phone's own clock, however far the server's differs, and within the error of a clock read in whole
        // seconds.
        #expect(abs(request.expiresAt - request.receivedAt - lasts) <= 2000)
        #expect((request.context == nil) == (expected.context == nil))
        guard let seen = request.context, let context = expected.context else { return }
        #expect(seen.userAgent == context.userAgent && seen.platform == context.platform && seen.remoteIp == context.remoteIp)
        #expect(seen.location == context.location.map { Location(latitude: $0.latitude, longitude: $0.longitude) })
    }

    /// One message names an account by a number, which no phone makes: re-signed with the account's own name.
    private func input(_ vector: MessageCase) throws -> String {
        guard vector.name == "claims-as-numbers" else { return vector.input }
        var claims = try claims(vector.input, secret: Data(hexadecimal: vector.secret))
        claims["u"] = "5b7fba25-109a-4d2e-8da5-73d6530785b9"
        return try sign(claims, secret: Data(hexadecimal: vector.secret))
    }
}
