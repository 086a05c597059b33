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
            // Another code does not take its place while a person looks at it.
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
        await model.read(ManualEntry(issuer: "Acme", account: "demo", secret: "not base32!", settings: settings))
        #expect(failure(model) != nil)
        await model.read(ManualEntry(issuer: "Acme", account: "demo", secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", settings: settings))
        #expect(preview(model)?.kinds == [.hotp])
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

    @Test func aTapANumberAndADenialEndInAResult() async throws {
        let app = try await App()
        let server = try await app.registered()
        let tap = RequestModel(try await app.request(server, 1), app.services)
        #expect(tap.numbers == [] && tap.canApprove && (1...120).contains(tap.remaining(at: Date())))
        #expect(tap.remaining(at: .distantFuture) == 0)
        await tap.accept()
        #expect(tap.state == .settled(.approved))
        await tap.deny()
        #expect(tap.state == .settled(.approved), "it is answered once")

        let number = RequestModel(try await app.request(server, 2, ["k": "challenge", "n": "34,43,57"]), app.services)
        #expect(number.numbers == ["34", "43", "57"])
        await number.accept()
        guard case .refused(let failure)? = number.note else {
            Issue.record("\(number.state)")
            return
        }
        #expect(number.state == .asking && failure.code == "number-needed")
        async let one: Void = number.choose("43")
        async let two: Void = number.choose("34")
        _ = await (one, two)
        #expect(number.state == .settled(.approved) && number.note == nil)

        let denied = RequestModel(try await app.request(server, 3), app.services)
        await denied.deny()
        #expect(denied.state == .settled(.denied))
    }

    @Test func whatTheServerOrTheNetworkMakesOfAnAnswerIsShown() async throws {
        let answers = Box<@Sendable () throws -> HttpResponse>({ Recorder.taken })
        let app = try await App(Recorder { _ in try answers.value() })
        let server = try await app.registered()
        answers.change { $0 = { HttpResponse(status: 400, date: nil, body: Data(#"{"message":"Too late."}"#.utf8)) } }
        let late = RequestModel(try await app.request(server, 1), app.services)
        await late.accept()
        #expect(late.state == .settled(.refused("Too late.")))
        answers.change { $0 = { throw TransportError.noAnswer(reason: "lost") } }
        let queued = RequestModel(try await app.request(server, 2), app.services)
        await queued.accept()
        #expect(queued.state == .settled(.queued))
        let again = RequestModel(queued.request, app.services)
        await again.accept()
        guard case .settled(.failed(let failure)) = again.state else {
            Issue.record("\(again.state)")
            return
        }
        #expect(failure.code == "already-answered")
    }

    @Test func theBiometricIsAskedForAndItsEndIsTold() async throws {
        let app = try await App()
        let enrolling = EnrolmentModel(app.services)
        await enrolling.read(registrationCode("ada"))
        await enrolling.confirm()
        let server = try await app.registered()
        let request = try await app.request(server, 1, ["k": "biometric"])
        let model = RequestModel(request, app.services)
        for (failure, note) in [(BiometricFailure.cancelled, nil), (.unavailable, RequestModel.Note.biometricUnavailable)] {
            app.biometrics.failure.change { $0 = failure }
            await model.acceptWithBiometric()
            #expect(model.state == .asking && model.note == note)
        }
        app.biometrics.failure.change { $0 = nil }
        await model.acceptWithBiometric()
        #expect(model.state == .settled(.approved))

        app.biometrics.failure.change { $0 = .invalidated }
        let changed = RequestModel(try await app.request(server, 2, ["k": "biometric"]), app.services)
        await changed.acceptWithBiometric()
        #expect(changed.state == .settled(.biometricChanged))
        app.biometrics.failure.change { $0 = nil }
        let after = RequestModel(try await app.request(server, 3, ["k": "biometric"]), app.services)
        await after.acceptWithBiometric()
        #expect(after.state == .settled(.biometricChanged), "the core remembers")
        await changed.accept()
        #expect(changed.state == .settled(.biometricChanged), "nothing but a denial is taken now")
        for model in [changed, after] {
            #expect(model.canDeny)
            await model.deny()
            #expect(model.state == .settled(.denied) && !model.canDeny)
        }
        let without = RequestModel(try await app.request(server, 4, ["k": "biometric"]), try await App(hasBiometric: false).services)
        #expect(!without.canApprove)
        await without.acceptWithBiometric()
        #expect(without.state == .asking)
    }

    @Test func aNewRequestComesToTheFrontAndTheNextAfterIt() async throws {
        let app = try await App()
        let server = try await app.registered()
        let model = RequestsModel(app.services)
        let watching = Task { await model.watch() }
        let first = try await app.request(server, 1)
        #expect(await eventually { model.shown?.id == first.id })
        let second = try await app.request(server, 2)
        #expect(await eventually { model.pending.count == 2 })
        #expect(model.shown?.id == first.id, "nothing moves under the finger")
        await model.shown?.deny()
        #expect(model.shown?.state == .settled(.denied))
        #expect(await eventually { model.pending.map(\.id) == [second.id] })
        model.dismiss()
        #expect(model.shown?.id == second.id)
        await model.show(id: first.id)
        #expect(model.shown?.state == .settled(.denied))
        await model.show(id: "no such")
        #expect(model.failure != nil)
        watching.cancel()
    }

    @Test func whatIsClosedWithoutAnAnswerStaysInTheList() async throws {
        let app = try await App()
        let server = try await app.registered()
        let model = RequestsModel(app.services)
        let watching = Task { await model.watch() }
        let first = try await app.request(server, 1)
        #expect(await eventually { model.shown?.id == first.id })
        #expect(model.others == [])
        model.dismiss()
        #expect(model.shown == nil && model.others.map(\.id) == [first.id])
        let second = try await app.request(server, 2)
        #expect(await eventually { model.shown?.id == second.id })
        model.dismiss()
        let third = try await app.request(server, 3)
        #expect(await eventually { model.shown?.id == third.id })
        await model.shown?.deny()
        model.dismiss()
        #expect(model.shown == nil, "what was closed does not come back by itself")
        #expect(await eventually { Set(model.others.map(\.id)) == [first.id, second.id] })
        model.show(first)
        await model.shown?.accept()
        #expect(model.shown?.state == .settled(.approved))
        watching.cancel()
    }

    @Test func aRequestThatEndsElsewhereSaysSo() async throws {
        let app = try await App()
        let server = try await app.registered()
        let model = RequestsModel(app.services)
        let watching = Task { await model.watch() }
        let denied = try await app.request(server, 1)
        #expect(await eventually { model.shown?.id == denied.id })
        // In the system's notification, for instance.
        _ = try await app.services.courier.deny(denied.id)
        #expect(await eventually { model.shown?.state == .settled(.denied) })
        model.dismiss()
        let short = try await app.request(server, 2, ["t": "1"])
        #expect(await eventually { model.shown?.id == short.id })
        #expect(await eventually { model.shown?.state == .settled(.expired) })
        model.dismiss()
        let orphan = try await app.request(server, 3)
        #expect(await eventually { model.shown?.id == orphan.id })
        try await app.phone.call { try $0.remove(accountId: server.account.id) }
        #expect(await eventually { model.shown?.canDeny == false })
        watching.cancel()
    }

    @Test func aRequestOnTheScreenShowsAllOnceTheDeviceIsUnlocked() async throws {
        let app = try await App()
        let server = try await app.registered()
        try await app.phone.call { $0.setConcealed(concealed: true) }
        let model = RequestsModel(app.services)
        let watching = Task { await model.watch() }
        let delivering = Task { await model.deliver() }
        let request = try await app.request(server, 1, ["k": "challenge", "n": "34,43,57"])
        #expect(await eventually { model.shown?.id == request.id })
        #expect(model.shown?.canApprove == false)
        try await app.phone.call { $0.setConcealed(concealed: false) }
        #expect(await eventually { model.shown?.canApprove == true })
        #expect(model.shown?.numbers == ["34", "43", "57"])
        await model.shown?.choose("34")
        #expect(model.shown?.state == .settled(.approved), "also while another task delivers")
        app.phone.close()
        await watching.value
        await delivering.value
        #expect(model.failure == nil)
    }

    @Test func theSystemTellsOfWhatIsFetchedInTheBackgroundAndNoMoreOfWhatIsOver() async throws {
        let waiting = Box<[[String: String]]>([])
        let transport = Recorder { post in
            guard !post.url.contains("_action=authenticate") else { return Recorder.taken }
            return HttpResponse(status: 200, date: nil, body: try JSONSerialization.data(withJSONObject: ["messages": waiting.value]))
        }
        let app = try await App(transport)
        let server = try await app.registered()
        // A push told of this one, and the person took that away.
        let told = try await app.request(server, 1)
        let message = try server.message(2)
        waiting.change { $0 = [["messageId": "message-2", "message": message]] }
        let model = RequestsModel(app.services)
        #expect(await model.refreshInBackground())
        let fetched = try #require(try await app.phone.call { try $0.pending() }.first { $0.id != told.id })
        #expect(app.alerts.list.value == [.init(title: .requestTitle, subtitle: "Ping, demo", requestId: fetched.id, canDenyThere: true)])
        #expect(await model.refreshInBackground())
        #expect(app.alerts.list.value.count == 1, "once")

        let watching = Task { await model.watch() }
        _ = try await app.services.courier.deny(fetched.id)
        #expect(await eventually { app.alerts.list.value.isEmpty }, "it was answered")
        watching.cancel()
        await app.alerts.post(.init(title: .requestTitle, subtitle: "Ping, demo", requestId: told.id))
        _ = try await app.services.courier.deny(told.id)
        waiting.change { $0 = [] }
        #expect(await RequestsModel(app.services).refreshInBackground())
        #expect(app.alerts.list.value.isEmpty, "also where nobody looks")
        app.phone.close()
        #expect(await !RequestsModel(app.services).refreshInBackground())
    }

    @Test func refreshingSaysWhichServersGaveNoAnswer() async throws {
        let app = try await App(Recorder { _ in throw TransportError.notSent(reason: "no network") })
        _ = try await app.registered()
        let model = RequestsModel(app.services)
        await model.refresh()
        #expect(model.unreachable.count == 1 && model.failure == nil)
        app.phone.close()
        await model.refresh()
        #expect(model.failure != nil)
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
