import AuthenticatorModels
import Foundation
import PushAuthenticator
import XCTest

/// The app as a whole, from its start; and one sign-on against the real server, through the models alone.
final class AppModelTests: XCTestCase, @unchecked Sendable {
    @MainActor private func services(_ model: AppModel) -> Services? {
        if case .ready(let services) = model.stage { services } else { nil }
    }

    @MainActor func testTheVaultIsOpenedOnceItsKeyIsThere() async throws {
        let isUnlocked = Box(false)
        let keys = TestKeys()
        let file = vaultFile()
        _ = try openCore(file, keys: keys)
        let model = AppModel(settings: TestSettings(), owner: TestOwner()) {
            let gate = Keys { try keys.wrap(dataKey: $0) } unwrap: {
                guard isUnlocked.value else { throw PlatformKeyError.Unavailable }
                return try keys.unwrap(wrapped: $0)
            }
            let phone = try await Phone.open(vaultFile: file, keys: gate)
            return Services(
                phone: phone, courier: Courier(phone, transport: Recorder()), device: TestDevice(), settings: TestSettings(),
                biometrics: nil, signingKeys: nil, appAttest: nil)
        }
        await model.start()
        guard case .waitingForUnlock = model.stage else { return XCTFail("\(model.stage)") }
        isUnlocked.change { $0 = true }
        await model.start()
        let first = try XCTUnwrap(services(model))
        await model.start()
        XCTAssertIdentical(first.phone, services(model)?.phone, "an open vault stays open")
    }

    @MainActor func testAVaultThatCannotBeUsedSaysWhy() async {
        let model = AppModel(settings: TestSettings(), owner: TestOwner()) {
            _ = try await Phone.open(vaultFile: "/no/such/folder/vault", keys: TestKeys())
            throw CancellationError()
        }
        await model.start()
        guard case .failed(let failure) = model.stage else { return XCTFail("\(model.stage)") }
        XCTAssertEqual(failure.code, "vault-not-writable")
    }

    @MainActor func testPoliciesAreMetOnceTheDeviceIsKnown() async throws {
        let app = try await App()
        let policies = encode(#"{"biometricAvailable":{}}"#)
        _ = try await app.registered(registrationCode(more: "&policies=\(policies)"))
        try await app.phone.call { $0.setDeviceFacts(facts: DeviceFacts(biometricAvailable: false, tamperScore: 0)) }
        let locked = try await app.phone.call { try $0.accounts() }.compactMap { AccountProblem($0) }
        XCTAssertEqual(locked.map(\.words), [.accountLocked])
        XCTAssertEqual(locked.map(\.policy), ["biometricAvailable"], "which one")
        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await model.start()
        let problems = try await app.phone.call { try $0.accounts() }.compactMap { AccountProblem($0) }
        XCTAssertEqual(problems, [])
        let states = try await app.phone.call { try $0.accounts() }.map(\.state)
        XCTAssertEqual(states, [.active])
    }

    @MainActor func testTheAppsLockHidesRequestsAndCodesThatItWasOpenedWith() async throws {
        let app = try await App()
        var settings = Settings()
        settings.appLock = true
        app.settings.save(settings)
        let request = try await app.request(app.registered(), 1, ["k": "challenge", "n": "34,43,57"])
        let refusing = AppModel(settings: app.settings, owner: TestOwner(answer: .refused)) { app.services }
        await refusing.start()
        await refusing.unlock()
        XCTAssertTrue(refusing.isLocked)
        let concealed = try await app.phone.call { try $0.notification(id: request.id) }
        XCTAssertTrue(concealed.concealed)
        XCTAssertFalse(RequestModel(concealed, app.services).canApprove)

        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        model.open("https://example.com/pushauth://")
        XCTAssertNil(model.openedCode)
        model.open(registrationCode("ada"))
        XCTAssertNil(model.takeOpenedCode(), "not while it is locked")
        model.openRequest(request.id)
        XCTAssertNil(model.takeOpenedRequest(), "not while it is locked")
        await model.start()
        await model.unlock()
        XCTAssertFalse(model.isLocked)
        XCTAssertEqual(model.takeOpenedCode(), registrationCode("ada"))
        XCTAssertNil(model.takeOpenedCode())
        XCTAssertEqual(model.takeOpenedRequest(), request.id, "also what was tapped before the app was started")
        XCTAssertNil(model.takeOpenedRequest())
        let shown = try await app.phone.call { try $0.notification(id: request.id) }
        XCTAssertFalse(shown.concealed)
        await model.enter(.background)?.value
        XCTAssertTrue(model.isLocked)
    }

    @MainActor func testTheOwnerIsAskedOnceWheneverTheAppComesFromTheBackground() async throws {
        let app = try await App()
        SettingsModel(app.services, owner: TestOwner()).setAppLock(true)
        let refusing = TestOwner(answer: .refused)
        let model = AppModel(settings: app.settings, owner: refusing) { app.services }
        await model.enter(.inactive)?.value
        XCTAssertEqual(refusing.prompts.value, 0)
        await model.enter(.front)?.value
        XCTAssertEqual(refusing.prompts.value, 1)
        // The prompt covers the app, and goes away.
        await model.enter(.inactive)?.value
        await model.enter(.front)?.value
        XCTAssertEqual(refusing.prompts.value, 1, "a refusal asks for no other")
        await model.enter(.background)?.value
        await model.start()
        await model.enter(.inactive)?.value
        XCTAssertEqual(refusing.prompts.value, 1, "not in the background, where nobody sees it")
        await model.enter(.front)?.value
        XCTAssertEqual(refusing.prompts.value, 2)
        XCTAssertTrue(model.isLocked)
    }

    @MainActor func testAPushThatBroughtNothingHasTheServersAskedWhileTheAppIsInFront() async throws {
        let transport = Recorder { _ in HttpResponse(status: 200, date: nil, body: Data(#"{"messages":[]}"#.utf8)) }
        let app = try await App(transport)
        _ = try await app.registered()
        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await model.arrived(requestId: nil)
        await model.start()
        XCTAssertEqual(transport.posts.count, 0)
        await model.arrived(requestId: "7")
        XCTAssertEqual(transport.posts.count, 0, "it is here")
        await model.arrived(requestId: nil)
        XCTAssertEqual(transport.posts.count, 1)
    }

    @MainActor func testADeviceWithoutAPasscodeIsNotLockedOut() async throws {
        let app = try await App()
        let bare = TestOwner(answer: .unprotected)
        let settings = SettingsModel(app.services, owner: bare)
        settings.setAppLock(true)
        XCTAssertFalse(settings.canLock || settings.settings.appLock || app.settings.load().appLock)

        // The passcode was removed after the lock was turned on.
        SettingsModel(app.services, owner: TestOwner()).setAppLock(true)
        let model = AppModel(settings: app.settings, owner: bare) { app.services }
        await model.start()
        XCTAssertTrue(model.isLocked)
        await model.unlock()
        XCTAssertFalse(model.isLocked)
        let now = SettingsModel(app.services, owner: bare)
        now.setAppLock(false)
        XCTAssertFalse(app.settings.load().appLock, "it can be turned off")
    }

    @MainActor func testAPushTokenIsToldToServersOnce() async throws {
        let transport = Recorder()
        let app = try await App(transport)
        _ = try await app.registered()
        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await model.start()
        await model.setPushToken("token-of-apns-0123456789")
        await model.setPushToken("token-of-apns-0123456789")
        XCTAssertEqual(app.settings.load().pushToken, "token-of-apns-0123456789")
        try await app.services.courier.deliver()
        XCTAssertEqual(transport.posts.count, 1)
        let told = try await app.phone.call { try $0.pushTokens() }
        XCTAssertEqual(told.map(\.state), [.current])
    }

    @MainActor func testATokenThatCameBeforeTheVaultWasOpenIsToldAtTheStart() async throws {
        let app = try await App()
        _ = try await app.registered()
        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await model.setPushToken("token-of-apns-0123456789")
        let before = try await app.phone.call { try $0.pushTokens() }
        XCTAssertEqual(before.map(\.state), [.current])
        await model.start()
        let after = try await app.phone.call { try $0.pushTokens() }
        XCTAssertEqual(after.map(\.state), [.changing])
    }

    @MainActor func testStartsAtTheSameTimeOpenOneVault() async throws {
        let app = try await App()
        let opened = Box(0)
        let model = AppModel(settings: app.settings, owner: TestOwner()) {
            opened.change { $0 += 1 }
            try await Task.sleep(for: .milliseconds(50))
            return app.services
        }
        async let one: Void = model.start()
        async let two: Void = model.start()
        _ = await (one, two)
        XCTAssertEqual(opened.value, 1)
        XCTAssertNotNil(services(model), "whoever waited finds it open")
    }

    @MainActor func testAPushIsShownWithoutItsWords() async throws {
        let app = try await App()
        let server = try await app.registered()
        let intake = PushIntake(app.phone)
        let aps: [String: Any] = ["messageId": "message-1", "data": try server.message(1), "alert": "Sign-on 42"]
        let alert = await intake.receive(PushIntake.payload(of: ["aps": aps]))
        let pending = try await app.phone.call { try $0.pending() }
        XCTAssertEqual(alert, .init(title: .requestTitle, subtitle: "Ping, demo", requestId: pending.first?.id, canDenyThere: true))
        for odd in [["aps": "nothing"], [1: Date()], [:], ["aps": ["messageId": "a", "data": "b"]]] as [[AnyHashable: Any]] {
            let refused = await intake.receive(PushIntake.payload(of: odd))
            XCTAssertEqual(refused, .init(title: .requestRefused, subtitle: nil, requestId: nil))
        }
    }

    @MainActor func testAHintIsShownOnceItsMessageWasFetched() async throws {
        let app = try await App()
        let server = try await app.registered()
        let listed = ["messages": [["messageId": "message-1", "message": try server.message(1)]]]
        let body = try JSONSerialization.data(withJSONObject: listed)
        let hint: [String: Any] = ["messageId": "message-1", "mechanismUid": server.mechanismUid, "alert": "Sign-on"]
        let silent = Recorder { _ in throw TransportError.notSent(reason: "no") }
        let missing = await PushIntake(app.phone, transport: silent).receive(PushIntake.payload(of: ["aps": hint]))
        XCTAssertEqual(missing, .init(title: .requestTitle, subtitle: nil, requestId: nil))
        let transport = Recorder { _ in HttpResponse(status: 200, date: nil, body: body) }
        let alert = await PushIntake(app.phone, transport: transport).receive(PushIntake.payload(of: ["aps": hint]))
        let pending = try await app.phone.call { try $0.pending() }
        XCTAssertEqual(alert, .init(title: .requestTitle, subtitle: "Ping, demo", requestId: pending.first?.id, canDenyThere: true))
        XCTAssertNotNil(pending.first)
    }

    @MainActor func testASignOnAgainstTheRealServerByTheModelsAlone() async throws {
        let server = try Server()
        defer { server.stop() }
        let app = try await App(URLSessionTransport())
        let (offer, code) = try await server.offer()
        let enrolment = EnrolmentModel(app.services)
        await enrolment.read(code)
        await enrolment.confirm()
        guard case .added(.ready) = enrolment.state else { return XCTFail("\(enrolment.state)") }
        let waiting = try await server.registered(offer)
        let requests = RequestsModel(app.services)
        let watching = Task { await requests.watch() }
        await requests.refresh()
        let arrived = await eventually { requests.shown != nil }
        XCTAssertTrue(arrived)
        await requests.shown?.choose(try Server.hiddenValue(waiting))
        XCTAssertEqual(requests.shown?.state, .settled(.approved))
        let session = try await server.next(waiting)["tokenId"]
        XCTAssertNotNil(session)
        watching.cancel()
    }
}
