import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing

/// Sign-on requests over the real core: answered, listed, fetched and shown in notifications.
@Suite(.timeLimit(.minutes(2))) @MainActor struct RequestTests {
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
        // For example, in the system's notification.
        let screen = try #require(model.shown)
        let following = Task { await screen.follow(pause: .milliseconds(10)) }
        _ = try await app.services.courier.deny(denied.id)
        #expect(await eventually { screen.state == .settled(.denied) })
        following.cancel()
        await following.value
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
        // A push showed a notification for this one, and the user removed it.
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

    @Test func anAnswerThatWaitsSaysWhatBecameOfIt() async throws {
        let isOffline = Box(true)
        let app = try await App(Recorder { _ in
            if isOffline.value { throw TransportError.notSent(reason: "no network") }
            return Recorder.taken
        })
        let model = RequestModel(try await app.request(try await app.registered()), app.services)
        await model.accept()
        #expect(model.state == .settled(.queued))
        let following = Task { await model.follow(pause: .milliseconds(10)) }
        isOffline.change { $0 = false }
        try await app.phone.call { try $0.retryNow() }
        try await app.services.courier.deliver()
        #expect(await eventually { model.state == .settled(.approved) })
        following.cancel()
        await following.value
    }

    @Test func aDenialInTheNotificationThatDoesNotGoThroughIsTold() async throws {
        let status = Box<UInt16?>(200)
        let app = try await App(Recorder { _ in
            guard let status = status.value else { throw TransportError.notSent(reason: "no network") }
            return HttpResponse(status: status, date: nil, body: Data("{}".utf8))
        })
        let server = try await app.registered()
        let model = RequestsModel(app.services)
        let denied = try await app.request(server, 1)
        await model.denyInAlert(denied.id)
        #expect(app.alerts.list.value.isEmpty, "done as it was asked for")
        #expect(try await app.phone.call { try $0.notification(id: denied.id) }.state == .denied)
        status.change { $0 = 400 }
        let refused = try await app.request(server, 2)
        await model.denyInAlert(refused.id)
        status.change { $0 = nil }
        let queued = try await app.request(server, 3)
        await model.denyInAlert(queued.id)
        await model.denyInAlert("no such request")
        #expect(app.alerts.list.value.map(\.title) == [.resultRefused, .resultQueued, .resultNotDenied])
        #expect(app.alerts.list.value.map(\.requestId) == [refused.id, queued.id, "no such request"])
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

    @Test func aBiometricThatIsSetUpLaterCountsAtOnce() async throws {
        let app = try await App()
        let server = try await app.registered()
        app.device.hasBiometric.change { $0 = false }
        let model = RequestModel(try await app.request(server, 1, ["k": "biometric"]), app.services)
        #expect(!model.canApprove)
        app.device.hasBiometric.change { $0 = true }
        #expect(model.canApprove)
        await model.acceptWithBiometric()
        #expect(model.state == .settled(.approved))
    }

    @Test func withoutPushesAnOpenAppAsksAgainAndAgain() async throws {
        let transport = Recorder { _ in HttpResponse(status: 200, date: nil, body: Data(#"{"messages":[]}"#.utf8)) }
        let app = try await App(transport)
        _ = try await app.registered()
        let model = RequestsModel(app.services)
        let following = Task { await model.follow(pause: .milliseconds(1)) }
        #expect(await eventually { transport.posts.count >= 3 })
        #expect(transport.posts.dropFirst().allSatisfy { $0.patience > .zero }, "the server may hold it")
        following.cancel()
        await following.value

        let answersNothing = Recorder { _ in HttpResponse(status: 404, date: nil, body: Data()) }
        let other = try await App(answersNothing)
        _ = try await other.registered()
        let (asking, rounds) = (RequestsModel(other.services), Task { await RequestsModel(other.services).follow(pause: .milliseconds(1)) })
        #expect(await eventually { answersNothing.posts.count == 1 })
        for _ in 0..<20 { await asking.refresh() }
        #expect(answersNothing.posts.count == 1, "a server that lists nothing is left alone")
        rounds.cancel()

        var settings = app.settings.load()
        settings.pushToken = "token-of-apns-0123456789"
        app.settings.save(settings)
        let asked = transport.posts.count
        await model.follow(pause: .milliseconds(1))
        #expect(transport.posts.count == asked + 1, "pushes tell of more")
    }
}
