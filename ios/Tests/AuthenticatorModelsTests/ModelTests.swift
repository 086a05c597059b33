import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing

/// The view models over the real core.
@Suite(.timeLimit(.minutes(2))) @MainActor struct ModelTests {
    private nonisolated static let totp = "otpauth://totp/Acme:demo?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme"

    private func preview(_ model: EnrolmentModel) -> EnrolmentPreview? {
        if case .confirming(let preview) = model.state { preview } else { nil }
    }

    private func failure(_ model: EnrolmentModel) -> String? {
        if case .failed(let failure) = model.state { failure.code } else { nil }
    }

    @Test func everySchemeLeadsToTheConfirmScreenAndStoresNothing() async throws {
        let app = try await App()
        let codes = [
            registrationCode(), Self.totp,
            registrationCode("ada", scheme: "mfauth://totp", more: "&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        ]
        for code in codes {
            #expect(EnrolmentModel.isRegistrationCode(code))
            let model = EnrolmentModel(app.services)
            await model.read(code)
            #expect(preview(model) != nil, "\(model.state)")
            // Another registration URI does not replace it while the user looks at it.
            let before = model.state
            await model.read("otpauth://totp/Evil:demo?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
            #expect(model.state == before)
            model.cancel()
            #expect(model.state == .waiting)
            await model.confirm()
            #expect(model.state == .waiting, "what was cancelled is not there to confirm")
        }
        #expect(try await app.phone.call { try $0.accounts() } == [])
        for address in ["https://example.com", "pushauth", "javascript://otpauth://", "", "file:///pushauth://"] {
            #expect(!EnrolmentModel.isRegistrationCode(address), "\(address)")
        }
    }

    @Test func whatWasCancelledWhileItWasReadDoesNotComeBack() async throws {
        let app = try await App()
        let model = EnrolmentModel(app.services)
        let reading = Task { await model.read(registrationCode()) }
        while model.state != .reading { await Task.yield() }
        model.cancel()
        await model.read(Self.totp)
        await reading.value
        #expect(preview(model)?.issuer == "Acme")
    }

    @Test func aConfirmedCodeIsAddedOnceAndAReplacementIsSaid() async throws {
        let transport = Recorder()
        let app = try await App(transport)
        let model = EnrolmentModel(app.services)
        await model.read(registrationCode())
        #expect(preview(model)?.conflict == nil)
        async let first: Void = model.confirm()
        async let second: Void = model.confirm()
        _ = await (first, second)
        guard case .added(.ready(let account)) = model.state else {
            Issue.record("\(model.state)")
            return
        }
        #expect(account.hasBiometricSlot && transport.posts.count == 1)
        await model.read(registrationCode())
        #expect(preview(model)?.conflict?.accountId == account.id)
        await model.confirm()
        let accounts = try await app.phone.call { try $0.accounts() }
        #expect(accounts.count == 1 && accounts.first?.id != account.id)
    }

    @Test func whatTheServerMakesOfARegistrationIsShown() async throws {
        let refusing = try await App(Recorder { _ in HttpResponse(status: 400, date: nil, body: Data(#"{"message":"Bad request."}"#.utf8)) })
        let refused = EnrolmentModel(refusing.services)
        await refused.read(registrationCode())
        await refused.confirm()
        #expect(refused.state == .added(.refused("Bad request.")))
        let offline = try await App(Recorder { _ in throw TransportError.notSent(reason: "no network") })
        let queued = EnrolmentModel(offline.services)
        await queued.read(registrationCode())
        await queued.confirm()
        guard case .added(.queued(let account)) = queued.state else {
            Issue.record("\(queued.state)")
            return
        }
        #expect(account.state == .enrolling)
    }

    @Test func badCodesAndEntriesSayWhy() async throws {
        let app = try await App()
        let model = EnrolmentModel(app.services)
        for code in ["", "no code", String(repeating: "x", count: 1_000_000), "pushauth://push/", "otpauth://totp/a?secret=1"] {
            await model.read(code)
            #expect(failure(model) != nil, "\(code.prefix(20))")
        }
        let settings = CodeSettings(algorithm: .sha1, digits: 6, moving: .counter(next: 0))
        let wrong = await model.read(ManualEntry(issuer: "Acme", account: "demo", secret: "not base32!", settings: settings))
        #expect(wrong != nil && model.state == .waiting, "it is mended where it was typed")
        let right = await model.read(ManualEntry(issuer: "Acme", account: "demo", secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", settings: settings))
        #expect(right == nil && preview(model)?.kinds == [.hotp])
        await model.confirm()
        guard case .added(.ready(let account)) = model.state else {
            Issue.record("\(model.state)")
            return
        }
        #expect(account.host == nil)
    }

    @Test func codesAreHiddenUntilTheyAreTappedAndEnd() async throws {
        let app = try await App()
        let time = Box(Date())
        let model = AccountsModel(app.services) { time.value }
        let watching = Task { await model.watch() }
        let totp = try await app.phone.call { try $0.enrol(code: Self.totp, enrolment: enrolment(), slotWrapper: nil) }
        let hotp = try await app.phone.call {
            let counted = Self.totp.replacingOccurrences(of: "totp/Acme:demo", with: "hotp/Acme:ada") + "&counter=0"
            return try $0.enrol(code: counted, enrolment: enrolment(), slotWrapper: nil)
        }
        let push = try await app.registered().account
        #expect(await eventually { model.accounts.count == 3 })
        #expect(model.accounts.map { model.hasCodes($0) } == [true, true, false])
        #expect(model.code(of: totp.id, at: time.value) == nil)

        await model.reveal(totp.id)
        let shown = try #require(model.code(of: totp.id, at: time.value)), end = try #require(shown.endsAt)
        #expect(shown.code.count == 6 && end > time.value && end <= time.value + 30)
        #expect(model.code(of: totp.id, at: end) == nil, "it is not shown longer than it is good for")
        await model.reveal(hotp.id)
        #expect(model.code(of: hotp.id, at: .distantFuture - 1)?.code == "755224")
        await model.reveal(hotp.id)
        #expect(model.code(of: hotp.id, at: time.value)?.code == "287082")
        await model.reveal(push.id)
        #expect(model.failure != nil && model.code(of: push.id, at: time.value) == nil)
        model.hideCodes()
        #expect(model.code(of: totp.id, at: time.value) == nil && model.code(of: hotp.id, at: time.value) == nil)
        watching.cancel()
    }

    @Test func accountsAreRenamedAndRemovedAfterAQuestion() async throws {
        let app = try await App()
        let model = AccountsModel(app.services)
        let watching = Task { await model.watch() }
        let account = try await app.registered().account
        await model.rename(account.id, issuer: "", name: "Work")
        #expect(await eventually { model.accounts.first?.displayName == "Work" })
        await model.rename(account.id, issuer: String(repeating: "x", count: 100_000), name: "")
        #expect(model.failure?.code == "input-too-large")
        await model.askRemoval(of: account.id)
        #expect(model.removal?.consequences.isEmpty == false)
        await model.decideRemoval(false)
        #expect(model.accounts.count == 1 && model.removal == nil)
        await model.askRemoval(of: account.id)
        await model.decideRemoval(true)
        #expect(await eventually { model.accounts.isEmpty })
        await model.askRemoval(of: account.id)
        #expect(model.failure?.code == "account-not-found")
        app.phone.close()
        await watching.value
    }

    @Test func anAccountIsTypedInWithTheSettingsItsIssuerNames() async throws {
        let app = try await App()
        let entry = EntryModel()
        #expect(entry.entry.settings == CodeSettings(algorithm: .sha1, digits: 6, moving: .time(periodSeconds: 30)))
        (entry.issuer, entry.account, entry.secret) = ("Acme", "demo", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        for algorithm in EntryModel.algorithms {
            for digits in EntryModel.digits {
                for period in EntryModel.periods {
                    (entry.algorithm, entry.digits, entry.periodSeconds) = (algorithm, digits, period)
                    let preview = try await app.phone.call { [entry = entry.entry] in try $0.previewEntry(entry: entry) }
                    #expect(preview.codes == entry.entry.settings && preview.kinds == [.totp])
                }
            }
        }
        #expect(Set(EntryModel.algorithms.map(\.name)).count == 3)
        entry.isCounting = true
        #expect(entry.entry.settings == CodeSettings(algorithm: .sha512, digits: 8, moving: .counter(next: 0)))
    }

    @Test func aTypingErrorLosesNothingThatWasTyped() async throws {
        let app = try await App()
        let (enrolment, entry) = (EnrolmentModel(app.services), EntryModel())
        (entry.issuer, entry.account, entry.secret) = ("Acme", "demo", "GEZDGNBVGY3TQOJ1")
        await entry.hand { await enrolment.read($0) }
        #expect(entry.failure != nil && entry.secret == "GEZDGNBVGY3TQOJ1" && !entry.isSecretShown)
        entry.secret = "GEZDGNBVGY3TQOJQ"
        await entry.hand { typed in
            // A second tap while the first is in progress submits nothing.
            await entry.hand { _ in
                Issue.record("handed over twice")
                return nil
            }
            return await enrolment.read(typed)
        }
        #expect(entry.failure == nil && preview(enrolment)?.issuer == "Acme")
    }

    @Test func settingsAreChangedOneByOneWhereverElseTheyChange() async throws {
        let app = try await App()
        let model = SettingsModel(app.services, owner: TestOwner())
        // APNs responds after the screen was made.
        var token = app.settings.load()
        token.pushToken = "token-of-apns-0123456789"
        app.settings.save(token)
        model.setAppLock(true)
        #expect(app.settings.load().pushToken == "token-of-apns-0123456789" && app.settings.load().appLock)
        token.pushToken = "token-of-apns-9876543210"
        app.settings.save(token)
        await model.setHistory(count: 50, days: nil)
        #expect(app.settings.load().pushToken == "token-of-apns-9876543210" && app.settings.load().historyCount == 50)
        #expect(model.settings == app.settings.load())
    }

    @Test func thatNotificationsAreOffIsSaidWhereThereIsAnAccountWithRequests() async throws {
        let app = try await App()
        let codes = try await app.phone.call { try $0.enrol(code: Self.totp, enrolment: enrolment(), slotWrapper: nil) }
        let push = try await app.registered().account
        let model = AlertsModel(app.services)
        await model.look()
        #expect(!model.areOff && !model.concern([codes, push]))
        app.alerts.isOff.change { $0 = true }
        await model.look()
        #expect(model.areOff && model.concern([codes, push]) && !model.concern([codes]) && !model.concern([]))
    }

    @Test func historyComesInPagesAndIsCleaned() async throws {
        let app = try await App()
        let server = try await app.registered()
        for number in 1...5 { await RequestModel(try await app.request(server, number), app.services).deny() }
        let model = HistoryModel(app.services, pageSize: 2)
        await model.load()
        #expect(model.entries.count == 2 && model.hasMore)
        await model.loadMore()
        await model.loadMore()
        await model.loadMore()
        #expect(model.entries.count == 5 && !model.hasMore && Set(model.entries.map(\.id)).count == 5)
        let settings = SettingsModel(app.services, owner: TestOwner())
        await settings.setHistory(count: 3, days: nil)
        await model.load()
        await model.loadMore()
        #expect(model.entries.count == 3 && app.settings.load().historyCount == 3)
    }

    @Test func settingsShowWhatHappenedAndSendWhatWaits() async throws {
        let failing = Box(true)
        let app = try await App(Recorder { _ in
            if failing.value { throw TransportError.notSent(reason: "no network") }
            return Recorder.taken
        })
        let server = try await app.registered()
        await RequestModel(try await app.request(server), app.services).deny()
        let model = SettingsModel(app.services, owner: TestOwner())
        await model.load()
        #expect(model.outbox.count == 1 && model.tokens.map(\.state) == [.current])
        #expect(model.events.map(\.kind).contains("enrolled"))
        failing.change { $0 = false }
        await model.sendNow()
        #expect(model.outbox.isEmpty && model.failure == nil)
        model.setAppLock(true)
        #expect(SettingsModel(app.services, owner: TestOwner()).settings.appLock)
    }
}
