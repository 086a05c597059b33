import Foundation
import PushAuthenticator
import XCTest

/// Complete sign-ons with an account's own key, against the real server, whose journey accepts no phone without one.
/// The hardware key is a P-256 pair of the system's OpenSSL; the core never sees its private half.
final class DeviceKeyStoryTests: XCTestCase {
    /// Signs pulls with the key that the account was added with.
    private struct Signer: PullSigner {
        let phone: Phone
        let chips: Box<[String: Chip]>

        func sign(_ toSign: ToSign, for accountId: String) async throws -> Signed? {
            let account = try await phone.call { try $0.accounts() }.first { $0.id == accountId }
            return account?.key.flatMap { chips.value[$0.jwk] }?.sign(toSign)
        }
    }

    private struct Story {
        let server: Server
        let phone: Phone
        let courier: Courier
        let chips: Box<[String: Chip]>
        let chip = Chip()

        func add(_ code: String, _ chip: Chip, _ presence: UserPresence = .none, replace: Bool = false) async throws -> Enrolled {
            let key = try await phone.call { try chip.choice($0, code, presence) }
            chips.change { $0[chip.key().jwk] = chip }
            return try await courier.enrol(code, enrolment(replace: replace, key: key))
        }

        /// Adds the account, and returns the step that waits for the first push.
        func enrol(_ presence: UserPresence = .none) async throws -> [String: Any] {
            let (step, code) = try await server.offer()
            let preview = try await phone.call { try $0.preview(code: code) }
            XCTAssert(preview.takesDeviceKey)
            guard case .ready = try await add(code, chip, presence) else { throw Server.Failed(description: "not ready") }
            return try await server.registered(step)
        }

        func pending() async throws -> SignOnRequest {
            let results = try await courier.pull(wait: .seconds(10))
            guard results.count == 1, case .answered(.messages(let listed, _, _)) = results[0].outcome, listed.count == 1 else {
                throw Server.Failed(description: "\(results)")
            }
            return listed[0]
        }

        func approve(_ request: SignOnRequest, number: String? = nil, with chip: Chip? = nil) async throws -> Answer {
            let toSign = try await phone.call { try $0.approvalToSign(notificationId: request.id, number: number) }
            let evidence: Evidence = number.map { .number(number: $0) } ?? .tap
            return try await courier.approve(request.id, evidence, signed: (chip ?? self.chip).sign(toSign))
        }

        func deny(_ request: SignOnRequest, _ reason: DenyReason?) async throws -> Answer {
            let toSign = try await phone.call { try $0.denialToSign(notificationId: request.id, reason: reason) }
            return try await courier.deny(request.id, reason: reason, signed: chip.sign(toSign))
        }

        func list(_ what: String) throws -> [[String: Any]] {
            try server.run([what, "list", "--config", server.configuration]) as? [[String: Any]] ?? []
        }

        func assertSignedOn(_ waiting: [String: Any], line: UInt = #line) async throws {
            let session = try await server.next(waiting)["tokenId"]
            XCTAssertNotNil(session, line: line)
        }

        func assertRefused(_ waiting: [String: Any], line: UInt = #line) async throws {
            let status = try await server.post(waiting).status
            XCTAssertEqual(status, 401, line: line)
        }
    }

    private func story(_ pushType: String, tell: (Story) async throws -> Void) async throws {
        let server = try Server(pushType: pushType, deviceKey: "required")
        defer { server.stop() }
        let phone = try await openPhone()
        let chips = Box<[String: Chip]>([:])
        let courier = Courier(phone, signer: Signer(phone: phone, chips: chips))
        try await tell(Story(server: server, phone: phone, courier: courier, chips: chips))
        phone.close()
    }

    private func assertRejected(_ answer: Answer, _ code: String, line: UInt = #line) {
        guard case .rejected(let reason) = answer else { return XCTFail("\(answer)", line: line) }
        XCTAssertEqual(reason.code, code, line: line)
    }

    func testANumberIsApprovedWithTheKeysSignatureAndNotWithout() async throws {
        try await story("CHALLENGE") { story in
            let waiting = try await story.enrol()
            let (request, number) = (try await story.pending(), try Server.hiddenValue(waiting))
            assertRejected(try await story.courier.approve(request.id, .number(number: number)), "signature-needed")
            assertRejected(try await story.approve(request, number: number, with: Chip()), "signature-refused")
            let answer = try await story.approve(request, number: number)
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
            XCTAssert("\(try story.list("device"))".contains("secure-enclave"))
        }
    }

    func testAKeyThatTakesABiometricApprovesWhatAsksForOne() async throws {
        try await story("BIOMETRIC") { story in
            let waiting = try await story.enrol(.biometric)
            let request = try await story.pending()
            assertRejected(try await story.courier.approve(request.id, .tap), "biometric-needed")
            let answer = try await story.approve(request)
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testItWasNotMeStopsMessagesUntilAnAdministratorLiftsIt() async throws {
        try await story("DEFAULT") { story in
            var waiting = try await story.enrol()
            let first = try await story.approve(story.pending())
            XCTAssertEqual(first, .settled(.approved))
            try await story.assertSignedOn(waiting)

            waiting = try await story.server.signOn()
            let denied = try await story.deny(story.pending(), .notMe)
            XCTAssertEqual(denied, .settled(.denied))
            try await story.assertRefused(waiting)
            XCTAssertEqual(try story.list("user").first?["frozen"] as? Bool, true)
            let withheld = try await story.server.signOn()
            XCTAssert("\(withheld)".contains("denied on your phone as not yours"), "\(withheld)")
            try story.server.run(["user", "unfreeze", "alice", "--config", story.server.configuration])
            waiting = try await story.server.signOn()
            let last = try await story.approve(story.pending())
            XCTAssertEqual(last, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testAfterTheKeyWasInvalidatedNothingIsAnsweredUntilTheAccountWasAddedAgain() async throws {
        try await story("DEFAULT") { story in
            let first = try await story.enrol()
            _ = try await story.approve(story.pending())
            try await story.assertSignedOn(first)
            _ = try await story.server.signOn()
            let request = try await story.pending()
            try await story.phone.call { try $0.deviceKeyInvalidated(accountId: request.accountId) }
            assertRejected(try await story.courier.approve(request.id, .tap), "device-key-invalidated")
            assertRejected(try await story.courier.deny(request.id), "device-key-invalidated")

            // An administrator removes the phone; the next sign-on registers it again, with a new key.
            let device = try XCTUnwrap(story.list("device").first?["id"] as? String)
            try story.server.run(["device", "remove", device, "--config", story.server.configuration])
            let (step, code) = try await story.server.offer()
            let fresh = Chip()
            guard case .ready(let account) = try await story.add(code, fresh, replace: true) else { return XCTFail("not added") }
            XCTAssertEqual([account.key?.jwk], [fresh.key().jwk])
            let accounts = try await story.phone.accounts.first { _ in true }
            XCTAssertEqual(accounts?.count, 1)
            let waiting = try await story.server.registered(step)
            let answer = try await story.approve(story.pending(), with: fresh)
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testAKeyInSoftwareSignsUnasked() async throws {
        try await story("CHALLENGE") { story in
            let (step, code) = try await story.server.offer()
            guard case .ready(let account) = try await story.courier.enrol(code, enrolment(key: .software)) else { return XCTFail("not added") }
            XCTAssertEqual(account.key?.level, .software)
            var waiting = try await story.server.registered(step)
            let answer = try await story.courier.approve(story.pending().id, .number(number: Server.hiddenValue(waiting)))
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
            waiting = try await story.server.signOn()
            let denied = try await story.courier.deny(story.pending().id, reason: .mistake)
            XCTAssertEqual(denied, .settled(.denied))
            try await story.assertRefused(waiting)
        }
    }

    func testAPhoneWithoutAKeyIsNotTaken() async throws {
        try await story("DEFAULT") { story in
            guard case .refused(400, _) = try await story.courier.enrol(story.server.offer().code, enrolment()) else { return XCTFail("taken") }
        }
    }
}
