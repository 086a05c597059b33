import Foundation
import PushAuthenticator
import XCTest

/// Complete sign-ons: this phone, the real server as a process, HTTP between them.
final class StoryTests: XCTestCase {
    private struct Story {
        let server: Server
        let phone: Phone
        let courier: Courier

        /// Scans the QR code on the page, adds the account, and returns the step that waits for the first push.
        func enrol(_ slotWrapper: SlotWrapper? = nil) async throws -> [String: Any] {
            let (step, code) = try await server.offer()
            let preview = try await phone.call { try $0.preview(code: code) }
            XCTAssertEqual([preview.issuer, preview.account, preview.host], ["Ping", "alice", server.address])
            XCTAssertEqual(preview.kinds, [.push])
            let before = try await phone.accounts.first { _ in true }
            XCTAssertEqual(before, [], "a preview stores nothing")
            guard case .ready(let account) = try await courier.enrol(code, enrolment(), slotWrapper: slotWrapper) else {
                throw Server.Failed(description: "not ready")
            }
            XCTAssertEqual(account.state, .active)
            return try await server.registered(step)
        }

        /// Returns the only pending sign-on request, fetched from the server.
        func pending() async throws -> SignOnRequest {
            let results = try await courier.pull(wait: .seconds(10))
            guard results.count == 1, case .answered(.messages(let listed, _, _)) = results[0].outcome, listed.count == 1 else {
                throw Server.Failed(description: "\(results)")
            }
            let shown = try await phone.notifications.first { !$0.isEmpty }
            XCTAssertEqual(shown, listed)
            return listed[0]
        }

        func approve(_ request: SignOnRequest, _ evidence: Evidence) async throws -> Answer { try await courier.approve(request.id, evidence) }

        func approveFirst() async throws {
            let waiting = try await enrol()
            let answer = try await approve(pending(), .number(number: Server.hiddenValue(waiting)))
            XCTAssertEqual(answer, .settled(.approved))
            _ = try await server.next(waiting)
        }

        func assertSignedOn(_ waiting: [String: Any], line: UInt = #line) async throws {
            let session = try await server.next(waiting)["tokenId"]
            XCTAssertNotNil(session, line: line)
        }

        func assertRefused(_ waiting: [String: Any], line: UInt = #line) async throws -> String? {
            let (status, body) = try await server.post(waiting)
            XCTAssertEqual(status, 401, line: line)
            return body["message"] as? String
        }
    }

    private func story(_ pushType: String = "CHALLENGE", log: LogSink? = nil, tell: (Story) async throws -> Void) async throws {
        let server = try Server(pushType: pushType)
        defer { server.stop() }
        let phone = try await openPhone(log: log)
        try await tell(Story(server: server, phone: phone, courier: Courier(phone)))
        phone.close()
    }

    private func assertRejected(_ answer: Answer, _ code: String, line: UInt = #line) {
        guard case .rejected(let reason) = answer else { return XCTFail("\(answer)", line: line) }
        XCTAssertEqual(reason.code, code, line: line)
    }

    func testANumberIsTappedAndTheBrowserIsSignedOn() async throws {
        let lines = Box<[String]>([])
        try await story(log: Sink { _, line in lines.change { $0.append(line) } }) { story in
            let waiting = try await story.enrol()
            let number = try Server.hiddenValue(waiting)
            let request = try await story.pending()
            guard case .number(let numbers) = request.ask else { return XCTFail("\(request.ask)") }
            XCTAssert(numbers.count == 3 && numbers.contains(number))
            XCTAssertEqual(request.message, "Login attempt from alice at Ping")
            XCTAssertEqual(request.context?.remoteIp, "127.0.0.1")
            let other = (10...99).map(String.init).first { !numbers.contains($0) } ?? ""
            assertRejected(try await story.approve(request, .number(number: other)), "number-not-offered")
            assertRejected(try await story.approve(request, .tap), "number-needed")

            let answer = try await story.approve(request, .number(number: number))
            XCTAssertEqual(answer, .settled(.approved))
            assertRejected(try await story.approve(request, .number(number: number)), "already-answered")
            try await story.assertSignedOn(waiting)
            let left = try await story.phone.notifications.first { _ in true }
            XCTAssertEqual(left, [])
            let history = try await story.phone.call { try $0.history(limit: 10, offset: 0) }
            XCTAssertEqual(history.map(\.id), [request.id])
            let cleaned = try await story.phone.call { try $0.cleanHistory(retention: Retention(count: 0, days: nil)) }
            XCTAssertEqual(cleaned, 1)

            let account = request.accountId
            XCTAssertEqual(lines.value, [
                "enrolled account=\(account)", "registration-confirmed account=\(account)",
                "message-received account=\(account) request=\(request.id)",
                "decision-refused account=\(account) request=\(request.id) detail=number-not-offered",
                "decision-refused account=\(account) request=\(request.id) detail=number-needed",
                "decided account=\(account) request=\(request.id) detail=approve",
                "settled account=\(account) request=\(request.id) detail=approved",
            ])
        }
    }

    func testABiometricUnwrapsTheSlot() async throws {
        try await story("BIOMETRIC") { story in
            let waiting = try await story.enrol(Finger())
            let request = try await story.pending()
            XCTAssertEqual(request.ask, .biometric)
            assertRejected(try await story.approve(request, .tap), "biometric-needed")
            let wrapped = try await story.phone.call { try $0.biometricChallenge(notificationId: request.id) }
            assertRejected(try await story.approve(request, .biometric(slot: wrapped)), "biometric-refused")
            let answer = try await story.approve(request, .biometric(slot: Finger.touch(wrapped)))
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testAnInvalidatedBiometricLeavesDenying() async throws {
        try await story("BIOMETRIC") { story in
            let first = try await story.enrol(Finger())
            let request = try await story.pending()
            let slot = Finger.touch(try await story.phone.call { try $0.biometricChallenge(notificationId: request.id) })
            _ = try await story.approve(request, .biometric(slot: slot))
            try await story.assertSignedOn(first)

            let second = try await story.server.signOn()
            try await story.phone.call { try $0.biometricInvalidated(accountId: request.accountId) }
            let refused = try await story.pending()
            assertRejected(try await story.approve(refused, .biometric(slot: slot)), "biometric-invalidated")
            let denied = try await story.courier.deny(refused.id)
            XCTAssertEqual(denied, .settled(.denied))
            _ = try await story.assertRefused(second)
        }
    }

    func testATapAndADenial() async throws {
        try await story("DEFAULT") { story in
            let first = try await story.enrol()
            let answer = try await story.approve(story.pending(), .tap)
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(first)

            let second = try await story.server.signOn()
            let denied = try await story.courier.deny(story.pending().id)
            XCTAssertEqual(denied, .settled(.denied))
            let message = try await story.assertRefused(second)
            XCTAssertEqual(message, "The sign-on was refused on the phone.")
        }
    }

    func testAWrongNumberEndsTheSignOn() async throws {
        try await story { story in
            try await story.approveFirst()
            let waiting = try await story.server.signOn()
            let request = try await story.pending()
            let right = try Server.hiddenValue(waiting)
            guard case .number(let numbers) = request.ask, let wrong = numbers.first(where: { $0 != right }) else { return XCTFail() }
            let answer = try await story.approve(request, .number(number: wrong))
            XCTAssertEqual(answer, .refused(status: 400, message: "The number does not match."))
            _ = try await story.assertRefused(waiting)
        }
    }

    func testAChangedPushTokenIsToldToTheServer() async throws {
        try await story { story in
            try await story.approveFirst()
            try await story.phone.call { try $0.setPushToken(token: "another-token-0123456789", communicationType: .embedded) }
            let changing = try await story.phone.call { try $0.pushTokens() }
            XCTAssertEqual(changing.map(\.state), [.changing])
            let reports = try await story.courier.deliver()
            XCTAssertEqual(reports.map(\.kind), [.tokenRefresh])
            XCTAssertEqual(reports.map(\.delivery), [.done(outcome: .tokenChanged(accountId: changing[0].accountId))])
            let told = try await story.phone.call { try $0.pushTokens() }
            XCTAssertEqual(told.map(\.state), [.current])

            let waiting = try await story.server.signOn()
            let answer = try await story.approve(story.pending(), .number(number: Server.hiddenValue(waiting)))
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testWhatCannotBeSentIsSentWhenTheServerIsBack() async throws {
        try await story { story in
            let waiting = try await story.enrol()
            let request = try await story.pending()
            story.server.stop()
            let answer = try await story.approve(request, .number(number: Server.hiddenValue(waiting)))
            XCTAssertEqual(answer, .queued)
            let outbox = try await story.phone.call { try $0.outbox() }
            XCTAssertEqual(outbox.map(\.attempts), [1])
            let pulled = try await story.courier.pull()
            guard case .unreachable(.notSent) = pulled[0].outcome else { return XCTFail("\(pulled)") }
            try story.server.start()
            try await story.phone.call { try $0.retryNow() }
            let reports = try await story.courier.deliver()
            XCTAssertEqual(reports.map(\.delivery), [.done(outcome: .answered(notificationId: request.id, state: .approved))])
            try await story.assertSignedOn(waiting)
        }
    }

    func testAPushInTheFormOfAPlatformIsTakenInAndARefusedOneSaysWhy() async throws {
        try await story { story in
            let waiting = try await story.enrol()
            // What a push service would deliver, fetched here behind the phone's back.
            let pulls = try await story.phone.call { try $0.pull(waitSeconds: 10) }
            let pull = try XCTUnwrap(pulls.first)
            let post = HTTPPost(url: pull.url, headers: pull.headers, body: pull.body, patience: .seconds(10))
            let listed = try await URLSessionTransport().post(post)
            let message = try XCTUnwrap((json(listed.body)["messages"] as? [[String: Any]])?.first)
            let id = try XCTUnwrap(message["messageId"] as? String), jwt = try XCTUnwrap(message["message"] as? String)
            do {
                // The first character of the signature, because not all bits of the last one count.
                let (signed, signature) = (jwt.prefix(upTo: jwt.lastIndex(of: ".")!), jwt.split(separator: ".")[2])
                let changed = "\(signed).\(signature.first == "A" ? "B" : "A")\(signature.dropFirst())"
                _ = try await story.phone.call { try $0.receiveMessage(messageId: id, jwt: changed) }
                XCTFail("a forged message was taken")
            } catch let error as AuthenticatorError {
                XCTAssertEqual(error.code, "wrong-signature")
            }
            let apns = try JSONSerialization.data(withJSONObject: ["aps": ["messageId": id, "data": jwt, "alert": "Sign-on"]])
            let fcm = try JSONSerialization.data(withJSONObject: ["data": ["messageId": id, "message": jwt]])
            guard case .request(let request) = try await story.courier.receive(apns) else { return XCTFail("no request") }
            let again = try await story.phone.call { try $0.receive(payload: fcm) }
            XCTAssertEqual(.message(notification: request), again, "delivered twice, there once")
            try await story.phone.call { $0.setConcealed(concealed: true) }
            let concealed = try await story.phone.call { try $0.notification(id: request.id) }
            XCTAssert(concealed.concealed && concealed.message == nil && concealed.context == nil)
            let number = Evidence.number(number: try Server.hiddenValue(waiting))
            assertRejected(try await story.approve(request, number), "device-locked")
            try await story.phone.call { $0.setConcealed(concealed: false) }
            let answer = try await story.approve(request, number)
            XCTAssertEqual(answer, .settled(.approved))
            try await story.assertSignedOn(waiting)
        }
    }

    func testAnAccountIsFoundAgainRenamedShowsCodesAndIsRemoved() async throws {
        try await story { story in
            try await story.approveFirst()
            let accounts = try await story.phone.accounts.first { _ in true } ?? []
            let account = try XCTUnwrap(accounts.first)
            let code = registrationCode("alice", origin: "http://\(story.server.address)")
            let preview = try await story.phone.call { try $0.preview(code: code) }
            XCTAssertEqual(preview.conflict?.accountId, account.id)
            guard case .rejected(let reason) = try await story.courier.enrol(code, enrolment()) else { return XCTFail() }
            XCTAssertEqual(reason.code, "account-exists")
            let codes = "otpauth://totp/Ping:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ping"
            guard case .ready(let coded) = try await story.courier.enrol(codes, enrolment()) else { return XCTFail() }
            let before = UInt64(Date().timeIntervalSince1970) / 30
            let shown = try await story.phone.call { try $0.code(accountId: coded.id) }.code
            let secret = Data("12345678901234567890".utf8)
            XCTAssert((before...before + 1).map { oneTimeCode(secret, "SHA1", 6, $0) }.contains(shown))
            _ = try await story.phone.call { try $0.rename(accountId: account.id, issuer: nil, name: "Work") }
            let renamed = try await story.phone.accounts.first { _ in true }
            XCTAssertEqual(renamed?.first?.displayName, "Work")
            let removal = try await story.phone.call { try $0.removal(accountId: account.id) }
            XCTAssertFalse(removal.consequences.isEmpty)
            try await story.phone.call { try $0.remove(accountId: account.id) }
            let left = try await story.phone.accounts.first { _ in true }
            XCTAssertEqual(left?.map(\.id), [coded.id])
        }
    }
}
