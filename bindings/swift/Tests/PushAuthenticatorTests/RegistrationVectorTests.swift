import Foundation
import PushAuthenticator
import Testing

struct RegistrationCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let issuer, account: String
        let host, colour, logo: String?
        let kinds, policies: [String]
        let push: Push?
        let oath: Oath?
    }

    struct Push: Decodable, Sendable {
        let registrationEndpoint, secret, challenge, messageId: String
        let cookie: String?
    }

    struct Oath: Decodable, Sendable {
        let secret, algorithm: String
        let digits: UInt8
        let period: UInt32?
        let counter: UInt64?
    }

    let name, input: String
    let accepted: Bool
    let error: String?
    let expected: Expected?
    var testDescription: String { name }
}

/// Every case under tests/vectors/uris: what the preview shows, and what is signed and sent after confirmation.
@Suite(.timeLimit(.minutes(2))) struct RegistrationVectorTests {
    static let cases: [RegistrationCase] = vectors("uris")

    @Test func theCasesAreThere() {
        #expect(Self.cases.count == vectorCount("uris"))
        #expect(Self.cases.filter(\.accepted).count > 50 && Self.cases.filter { !$0.accepted }.count > 50)
    }

    @Test(arguments: cases) func registrationCode(_ vector: RegistrationCase) throws {
        let core = try openCore()
        guard vector.accepted else {
            #expect(try refusal { try core.preview(code: vector.input) } == #require(vector.error))
            #expect(try core.accounts() == [])
            return
        }
        let expected = try #require(vector.expected)
        let preview = try core.preview(code: vector.input)
        #expect(preview.issuer == expected.issuer && preview.account == expected.account && preview.host == expected.host)
        #expect(preview.kinds.map { "\($0)" } == expected.kinds)
        #expect(preview.colour == expected.colour && preview.logo == expected.logo && preview.policies == expected.policies)
        #expect((preview.codes == nil) == (expected.oath == nil))
        if let codes = preview.codes, let oath = expected.oath {
            #expect("\(codes.algorithm)".uppercased() == oath.algorithm && codes.digits == oath.digits)
            let moving = try oath.counter.map(CodeMoving.counter) ?? .time(periodSeconds: #require(oath.period))
            #expect(codes.moving == moving)
        }

        let account = try core.enrol(code: vector.input, enrolment: enrolment(), slotWrapper: nil)
        #expect(try core.accounts() == [account])
        #expect(account.kinds == preview.kinds && account.colour == preview.colour && account.logo == preview.logo)
        let due = try core.due()
        #expect(due.count == (expected.push == nil ? 0 : 1))
        if let push = expected.push { try check(#require(due.first), push) }
        if let oath = expected.oath { try check(core, account, oath) }
    }

    private func check(_ request: HttpRequest, _ push: RegistrationCase.Push) throws {
        #expect(request.kind == .registration && request.url == push.registrationEndpoint)
        #expect(request.headers.first { $0.name == "Cookie" }?.value == push.cookie)
        let body = try json(request.body)
        #expect(body["messageId"] as? String == push.messageId)
        let secret = Data(hexadecimal: push.secret)
        let claims = try claims(body["jwt"], secret: secret)
        let response = OpenSSL.hmac("SHA256", key: secret, Data(hexadecimal: push.challenge))
        #expect(claims["response"] as? String == response.base64EncodedString())
        #expect(claims["deviceId"] as? String == "token-0123456789")
        #expect(claims["deviceType"] as? String == "ios")
    }

    private func check(_ core: Authenticator, _ account: Account, _ oath: RegistrationCase.Oath) throws {
        func expected(_ moved: UInt64) -> String {
            oneTimeCode(Data(hexadecimal: oath.secret), oath.algorithm, Int(oath.digits), moved)
        }
        if let counter = oath.counter {
            if counter == UInt64(Int64.max) {
                #expect(refusal { try core.code(accountId: account.id) } == "counter-exhausted")
            } else {
                #expect(try core.code(accountId: account.id).code == expected(counter))
                #expect(try core.code(accountId: account.id).code == expected(counter + 1))
            }
            return
        }
        let period = try UInt64(#require(oath.period))
        let now = { UInt64(Date().timeIntervalSince1970) / period }
        let before = now()
        let code = try core.code(accountId: account.id)
        // The period may end in between.
        let periods = before...now()
        #expect(periods.map(expected).contains(code.code))
        guard case .timed(_, _, let next) = code.validity else {
            Issue.record("\(code)")
            return
        }
        #expect(periods.map { expected($0 + 1) }.contains(next))
    }
}
