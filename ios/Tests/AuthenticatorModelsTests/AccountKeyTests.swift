import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing
import XCTest

/// Accounts with their own key, through the models over the real core. The keys are OpenSSL's.
@Suite(.timeLimit(.minutes(2))) @MainActor struct AccountKeyTests {
    private nonisolated static let code = registrationCode(more: "&v=2")

    /// Adds the account through the model, and its server confirms it.
    private func added(_ app: App, _ code: String = code) async throws -> Account {
        let model = EnrolmentModel(app.services)
        await model.read(code)
        await model.confirm()
        guard case .added(.ready(let account)) = model.state else {
            throw Server.Failed(description: "\(model.state)")
        }
        return account
    }

    /// An account with a key, and what its server signs.
    private func keyed(_ app: App, asksForBiometric: Bool = true) async throws -> Registered {
        let key = try await app.signingKeys.make(asksForBiometric: asksForBiometric)
        let toSign = try await app.phone.call { try $0.registrationToSign(code: Self.code, key: key) }
        let der = try await app.signingKeys.sign(toSign.bytes, with: key.jwk, asksForBiometric: asksForBiometric)
        let chosen = KeyChoice.hardware(key: key, signed: toSign.signed(der: der))
        app.signingKeys.asked.change { $0 = [] }
        return try await app.phone.call { try Registered($0, Self.code, key: chosen) }
    }

    @Test func anAccountGetsAKeyOnceThePromptIsPassed() async throws {
        let app = try await App()
        let model = EnrolmentModel(app.services)
        await model.read(Self.code)
        guard case .confirming(let preview) = model.state else {
            Issue.record("\(model.state)")
            return
        }
        for (failure, isUnavailable) in [(BiometricFailure.cancelled, false), (.unavailable, true)] {
            app.signingKeys.failure.change { $0 = failure }
            await model.confirm()
            #expect(model.state == .confirming(preview) && model.isKeyUnavailable == isUnavailable)
            #expect(app.signingKeys.pairs.value.isEmpty, "nothing is left of it")
        }
        app.signingKeys.failure.change { $0 = nil }
        await model.confirm()
        guard case .added(.ready(let account)) = model.state else {
            Issue.record("\(model.state)")
            return
        }
        let key = try #require(account.key)
        #expect(key.level == .secureEnclave && key.presence == .biometric && !key.isSoftware && !account.hasBiometricSlot)
        #expect(Array(app.signingKeys.pairs.value.keys) == [key.jwk] && app.signingKeys.asked.value == [true, true, true])
        #expect(Words(protectionOf: account) == .protectedBiometric && Words(problemOf: account) == nil && !model.isKeyUnavailable)
    }

    @Test func withoutABiometricTheKeySignsUnaskedAndWithoutHardwareTheCoreDoes() async throws {
        let plain = try await App(hasBiometric: false)
        let account = try await added(plain)
        let key = try #require(account.key)
        #expect(key.presence == UserPresence.none && plain.signingKeys.asked.value == [false])
        #expect(Words(protectionOf: account) == .protectedHardware)

        let without = try await App(hasEnclave: false)
        let software = try await added(without)
        #expect(software.key?.isSoftware == true && software.hasBiometricSlot)
        #expect(Words(protectionOf: software) == .protectedSoftware)
        let shared = try await added(without, registrationCode("ada"))
        #expect(shared.key == nil && Words(protectionOf: shared) == .protectedShared)
    }

    @Test func aRegistrationThatTheServerRefusesLeavesNoKey() async throws {
        let app = try await App(Recorder { _ in HttpResponse(status: 400, date: nil, body: Data()) })
        let model = EnrolmentModel(app.services)
        await model.read(Self.code)
        await model.confirm()
        #expect(model.state == .added(.refused(nil)) && app.signingKeys.pairs.value.isEmpty)
    }

    @Test func approvalsAreSignedInThePrompt() async throws {
        let app = try await App()
        let server = try await keyed(app)
        let model = RequestModel(try await app.request(server, 1, ["k": "challenge", "n": "34,43,57"]), app.services)
        for (failure, note) in [(BiometricFailure.cancelled, nil), (.unavailable, RequestModel.Note.biometricUnavailable)] {
            app.signingKeys.failure.change { $0 = failure }
            await model.choose("43")
            #expect(model.state == .asking && model.note == note)
        }
        app.signingKeys.failure.change { $0 = nil }
        await model.choose("43")
        #expect(model.state == .settled(.approved) && app.signingKeys.asked.value == [true, true, true])
        let touched = RequestModel(try await app.request(server, 2, ["k": "biometric"]), app.services)
        await touched.acceptWithBiometric()
        #expect(touched.state == .settled(.approved), "the signature is the evidence")
    }

    @Test func aBiometricRequestTakesTheSlotWhereTheKeyAsksNobody() async throws {
        let app = try await App()
        let server = try await keyed(app, asksForBiometric: false)
        let model = RequestModel(try await app.request(server, 1, ["k": "biometric"]), app.services)
        await model.acceptWithBiometric()
        #expect(model.state == .settled(.approved) && app.signingKeys.asked.value == [false])
    }

    @Test func aDenialSaysWhyWhereTheAccountHasAKey() async throws {
        let app = try await App()
        let server = try await keyed(app)
        let model = RequestModel(try await app.request(server), app.services)
        #expect(!model.takesReason, "not before it is known")
        await model.prepare()
        #expect(model.takesReason && model.state == .asking)
        await model.deny(.notMe)
        #expect(model.state == .settled(.denied) && model.reason == .notMe)
        let decided = try await app.phone.call { try $0.events(limit: 20) }.first { $0.kind == "decided" }
        #expect(decided?.detail == "deny not-me")

        let plain = try await App()
        let without = RequestModel(try await plain.request(try await plain.registered()), plain.services)
        await without.prepare()
        #expect(!without.takesReason)
        await without.deny()
        #expect(without.state == .settled(.denied) && without.reason == nil)
    }

    @Test func aKeyThatIsGoneEndsTheAccountUntilItIsAddedAgain() async throws {
        let app = try await App()
        let server = try await keyed(app)
        let (first, second) = (try await app.request(server, 1), try await app.request(server, 2))
        app.signingKeys.failure.change { $0 = .invalidated }
        let model = RequestModel(first, app.services)
        await model.accept()
        #expect(model.state == .settled(.keyGone) && app.signingKeys.pairs.value.isEmpty)
        let account = try #require(try await app.phone.call { try $0.accounts() }.first)
        #expect(account.state == .reEnrolmentNeeded && Words(problemOf: account) == .accountKeyGone)
        let next = RequestModel(second, app.services)
        await next.prepare()
        #expect(next.state == .settled(.keyGone), "nobody is asked for what cannot be answered")
        let unprepared = RequestModel(second, app.services)
        await unprepared.deny(.other)
        #expect(unprepared.state == .settled(.keyGone), "the core remembers")

        app.signingKeys.failure.change { $0 = nil }
        let again = try await added(app, Self.code)
        let accounts = try await app.phone.call { try $0.accounts() }
        #expect(accounts.map(\.id) == [again.id] && again.state == .active)
    }

    @Test func keysGoWithTheirAccounts() async throws {
        let app = try await App()
        let account = try await added(app)
        _ = try await app.signingKeys.make(asksForBiometric: true)
        let start = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await start.start()
        #expect(Array(app.signingKeys.pairs.value.keys) == [account.key?.jwk], "one of no account is taken away at the start")
        let model = AccountsModel(app.services)
        await model.askRemoval(of: account.id)
        await model.decideRemoval(true)
        #expect(app.signingKeys.pairs.value.isEmpty)
    }

    @Test func biometricKeysGoWithTheirAccounts() async throws {
        let app = try await App()
        let (kept, removed) = (try await app.registered().account, try await app.registered(registrationCode("ada")).account)
        let slot = try await app.phone.call { try $0.biometricSlot(accountId: kept.id) }
        let model = AccountsModel(app.services)
        await model.askRemoval(of: removed.id)
        await model.decideRemoval(true)
        #expect(app.biometrics.kept.value == [slot])
    }

    @Test func whatHasToBeSignedCannotBeDeniedInTheNotification() async throws {
        let app = try await App()
        let server = try await keyed(app)
        let alert = await PushIntake(app.phone).receive(PushIntake.payload(of: ["messageId": "message-1", "message": try server.message(1)]))
        #expect(alert.requestId != nil && !alert.canDenyThere)
    }
}

/// The same against the real server, whose journey accepts no phone without a key.
final class AccountKeyStoryTests: XCTestCase, @unchecked Sendable {
    @MainActor func testASignOnIsApprovedAndAnotherDeniedAsSomebodyElses() async throws {
        let server = try Server(pushType: "BIOMETRIC", deviceKey: "required")
        defer { server.stop() }
        let app = try await App(URLSessionTransport())
        let (offer, code) = try await server.offer()
        let enrolment = EnrolmentModel(app.services)
        await enrolment.read(code)
        await enrolment.confirm()
        guard case .added(.ready) = enrolment.state else { return XCTFail("\(enrolment.state)") }
        let first = try await server.registered(offer)
        let requests = RequestsModel(app.services)
        let watching = Task { await requests.watch() }
        await requests.refresh()
        let arrived = await eventually { requests.shown != nil }
        XCTAssertTrue(arrived)
        await requests.shown?.acceptWithBiometric()
        XCTAssertEqual(requests.shown?.state, .settled(.approved))
        let session = try await server.next(first)["tokenId"]
        XCTAssertNotNil(session)
        requests.dismiss()

        let second = try await server.signOn()
        await requests.refresh()
        let asked = await eventually { requests.shown?.state == .asking }
        XCTAssertTrue(asked)
        await requests.shown?.prepare()
        await requests.shown?.deny(.notMe)
        XCTAssertEqual(requests.shown?.state, .settled(.denied))
        let status = try await server.post(second).status
        XCTAssertEqual(status, 401)
        let users = try server.run(["user", "list", "--config", server.configuration]) as? [[String: Any]]
        XCTAssertEqual(users?.first?["frozen"] as? Bool, true)
        watching.cancel()
    }
}
