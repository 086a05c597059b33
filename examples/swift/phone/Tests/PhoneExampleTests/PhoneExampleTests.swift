import Foundation
import PhoneExample
import PushAuthenticator
import Testing
import XCTest

/// What the user types, in order, and what the user is shown.
private final class Person {
    let answers: Box<[String]>
    let shown = Box<[String]>([])

    init(_ answers: [String] = []) { self.answers = Box(answers) }

    var console: Console {
        Console(
            read: { [answers] in
                var answer: String?
                answers.change { answer = $0.isEmpty ? nil : $0.removeFirst() }
                return answer
            },
            show: { [shown] line in shown.change { $0.append(line) } })
    }
}

/// The example against the real server.
final class PhoneExampleTests: XCTestCase {
    func testItAddsAnAccountAndAnswersSignOns() async throws {
        let server = try Server()
        defer { server.stop() }
        let (offer, code) = try await server.offer(), person = Person(["n", "y"])
        let phone = try await PhoneExample.open(folder(), person.console)
        defer { phone.close() }
        try await phone.add(code)
        XCTAssertEqual(person.shown.value.last, "Add it? [y/N]", "nothing is added unasked")
        try await phone.add(code)
        XCTAssertTrue(person.shown.value.last?.hasSuffix(" is ready.") == true, "\(person.shown.value)")
        let waiting = try await server.registered(offer)
        person.answers.change { $0 = [(try? Server.hiddenValue(waiting)) ?? ""] }
        try await phone.answer()
        XCTAssertEqual(person.shown.value.last, "Approved.")
        let session = try await server.next(waiting)["tokenId"]
        XCTAssertNotNil(session)
        let second = try await server.signOn()
        try await phone.answer()
        XCTAssertEqual(person.shown.value.last, "Denied.")
        let status = try await server.post(second).status
        XCTAssertEqual(status, 401)
    }
}

@Test func whatIsNoCodeSaysSo() async throws {
    let phone = try await PhoneExample.open(folder(), Person().console)
    await #expect(throws: AuthenticatorError.self) { try await phone.add("no code") }
    phone.close()
}
