import Foundation
import PushAuthenticator
import Testing

struct ArrivalCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable, Sendable {
        let state: String
        let sameAs: Int?
    }

    struct Step: Decodable, Sendable {
        let at: Int64
        let payload: String
        let accepted: Bool
        let error: String?
        let expected: Expected?
    }

    let name: String
    let steps: [Step]
    var testDescription: String { name }
}

/// Every case under tests/vectors/arrivals, given to a copy of the vault of tests/vectors/messages: pushes as platforms
/// deliver them, one after the other. The phone's clock here is the system's, which no test sets; the tests set the
/// server's time, in whole seconds, from which the phone continues counting. `earlier` and `waitedFor` name the cases
/// that this affects.
@Suite(.timeLimit(.minutes(2))) struct ArrivalVectorTests {
    static let cases: [ArrivalCase] = vectors("arrivals")
    /// In seconds: more than passes between setting a clock and reading it.
    private static let margin: Int64 = 30
    /// Steps whose clock is a millisecond or less before a limit, which would pass in the meantime: run `margin` before
    /// it. Beyond the limit, passing time changes nothing.
    private static let earlier = ["late-by-a-minute": 0, "late-leaves-nothing": 1, "future-by-more": 0, "future-leaves-nothing": 0]
    /// Steps with messages that count from their arrival, by the phone's own clock only: the test waits instead of
    /// setting the clock.
    private static let waitedFor = ["ended-without-time": 1, "id-from-the-future": 1]
    /// In milliseconds: how long after its arrival a message of `waitedFor` can be answered.
    private static let shortLife: Int64 = 1000

    @Test func theCasesAreThere() throws {
        #expect(Self.cases.count == vectorCount("arrivals") && Self.cases.count >= 44)
        #expect(Self.cases.filter { $0.steps.contains { !$0.accepted } }.count > 25)
        for (name, step) in Self.earlier.merging(Self.waitedFor, uniquingKeysWith: { $1 }) {
            let found = try #require(Self.cases.first { $0.name == name }, "\(name)")
            #expect(step < found.steps.count, "\(name)")
        }
    }

    @Test(arguments: cases) func arrival(_ vector: ArrivalCase) throws {
        let core = try openMessagesVault()
        var arrived: [SignOnRequest?] = []
        for (number, step) in vector.steps.enumerated() {
            let payload = Self.waitedFor[vector.name] == nil ? step.payload : try shortLived(step.payload)
            if Self.waitedFor[vector.name] == number {
                try waitFor(#require(arrived.last.flatMap { $0 }).receivedAt + Self.shortLife)
            } else {
                try setServerTime(core, (step.at + 999) / 1000 - (Self.earlier[vector.name] == number ? Self.margin : 0))
            }
            guard step.accepted else {
                #expect(try refusal { try core.receive(payload: Data(payload.utf8)) } == #require(step.error), "step \(number)")
                arrived.append(nil)
                continue
            }
            guard case .message(let request) = try core.receive(payload: Data(payload.utf8)) else {
                Issue.record("step \(number) is a hint")
                return
            }
            #expect(try "\(request.state)" == #require(step.expected).state, "step \(number)")
            #expect(arrived.firstIndex { $0?.id == request.id } == step.expected?.sameAs, "step \(number)")
            arrived.append(request)
        }
        let stored = try core.pending() + core.history(limit: 100, offset: 0)
        #expect(Set(arrived.compactMap { $0?.id }) == Set(stored.map(\.id)), "what is refused leaves nothing")
    }

    /// The payload with its message re-signed, valid for a second instead of two minutes.
    private func shortLived(_ payload: String) throws -> String {
        let messages: [MessageCase] = vectors("messages")
        let secret = try Data(hexadecimal: #require(messages.first).secret)
        let message = try #require(try json(Data(payload.utf8))["message"] as? String)
        let parts = message.split(separator: ".")
        // Edits the text, to keep the order the same each time: the second message is the first, byte for byte.
        let claims = try String(decoding: #require(Data(base64URL: parts[1])), as: UTF8.self)
        let signed = "\(parts[0]).\(encode(claims.replacingOccurrences(of: #""t":"120""#, with: #""t":"\#(Self.shortLife / 1000)""#)))"
        let anew = signed + "." + OpenSSL.hmac("SHA256", key: secret, Data(signed.utf8)).base64URL
        #expect(claims.contains(#""t":"120""#))
        return payload.replacingOccurrences(of: message, with: anew)
    }

    /// Waits until the phone's clock is past this time.
    private func waitFor(_ time: Int64) {
        while Int64(Date().timeIntervalSince1970 * 1000) <= time { Thread.sleep(forTimeInterval: 0.02) }
    }
}
