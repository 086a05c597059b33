import Foundation
import PushAuthenticator
import Testing

struct CodeCase: Decodable, Sendable, CustomTestStringConvertible {
    let name, secret, code: String
    let algorithm: String?
    let digits: UInt8
    let counter: UInt64?
    let period: UInt32?
    let time: Int64?
    var testDescription: String { name }
}

/// Every case under tests/vectors/codes: RFC 4226 and RFC 6238, through accounts as an app has them.
@Suite(.timeLimit(.minutes(2))) struct CodeVectorTests {
    static let cases: [CodeCase] = vectors("codes")

    @Test func theCasesAreThere() {
        #expect(Self.cases.count == 28 && Self.cases.count == vectorCount("codes"))
    }

    @Test(arguments: cases) func code(_ vector: CodeCase) throws {
        let core = try openCore()
        let secret = Data(hexadecimal: vector.secret).base32
        let account: Account
        if let counter = vector.counter {
            let settings = CodeSettings(algorithm: .sha1, digits: vector.digits, moving: .counter(next: counter))
            let entry = ManualEntry(issuer: "Acme", account: "demo", secret: secret, settings: settings)
            #expect(try core.previewEntry(entry: entry).codes == settings)
            account = try core.enrolEntry(entry: entry, enrolment: enrolment())
        } else {
            // The server's clock is at the case's time, shortly after the start of its period.
            let period = try Int64(#require(vector.period)), time = try #require(vector.time) / period * period + 5
            let more = try "&secret=\(secret)&algorithm=\(#require(vector.algorithm))&digits=\(vector.digits)&period=\(period)"
            account = try Registered(core, registrationCode(scheme: "mfauth://totp", more: more), date: date(time)).account
        }
        #expect(try core.code(accountId: account.id).code == vector.code)
    }
}
