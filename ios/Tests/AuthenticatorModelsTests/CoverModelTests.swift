import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing

/// What covers the list of accounts, above all while the app is locked.
@Suite(.timeLimit(.minutes(2))) @MainActor struct CoverModelTests {
    private struct Screen {
        let app: App
        let model: AppModel
        let accounts: AccountsModel
        let requests: RequestsModel
        let enrolment: EnrolmentModel
        let covers: CoverModel
    }

    /// The app with its lock turned on, and unlocked.
    private func screen(_ transport: any HTTPTransport = Recorder()) async throws -> Screen {
        let app = try await App(transport)
        SettingsModel(app.services, owner: TestOwner()).setAppLock(true)
        let model = AppModel(settings: app.settings, owner: TestOwner()) { app.services }
        await model.start()
        await model.unlock()
        let (accounts, requests, enrolment) = (AccountsModel(app.services), RequestsModel(app.services), EnrolmentModel(app.services))
        let covers = CoverModel(app: model, accounts: accounts, requests: requests, enrolment: enrolment)
        return Screen(app: app, model: model, accounts: accounts, requests: requests, enrolment: enrolment, covers: covers)
    }

    private func isCovered(_ screen: Screen, _ cover: CoverModel.Cover) async -> Bool {
        guard screen.covers.cover == cover else { return false }
        await screen.model.enter(.background)?.value
        let whileLocked = screen.covers.cover
        screen.covers.close(cover)
        await screen.model.unlock()
        return whileLocked == nil && screen.covers.cover == cover
    }

    @Test func whatLiesOverTheAccountsIsGoneWhileTheAppIsLockedAndBackAfterwards() async throws {
        let screen = try await screen()
        let server = try await screen.app.registered()
        #expect(screen.covers.cover == nil)
        screen.covers.scan()
        #expect(await isCovered(screen, .scanner))
        screen.covers.type()
        #expect(await isCovered(screen, .entry))
        screen.covers.rename(server.account)
        #expect(await isCovered(screen, .renaming(server.account)))
        await screen.covers.read(registrationCode("ada"))
        #expect(await isCovered(screen, .enrolment))
        screen.covers.close(.enrolment)
        screen.requests.show(try await screen.app.request(server))
        #expect(await isCovered(screen, .request))

        await screen.accounts.askRemoval(of: server.account.id)
        #expect(screen.covers.isRemovalAsked)
        await screen.model.enter(.background)?.value
        #expect(!screen.covers.isRemovalAsked)
        // A cover that the system closes because of the lock is not an answer.
        await screen.covers.decideRemoval(false)
        await screen.covers.decideRemoval(true)
        await screen.model.unlock()
        #expect(screen.covers.isRemovalAsked)
        await screen.covers.decideRemoval(true)
        #expect(try await screen.app.phone.call { try $0.accounts() } == [])
    }

    private let settings = CodeSettings(algorithm: .sha1, digits: 6, moving: .time(periodSeconds: 30))

    @Test func whatWasTypedStaysOpenUntilItIsRight() async throws {
        let screen = try await screen()
        screen.covers.type()
        let wrong = await screen.covers.read(ManualEntry(issuer: "Acme", account: "demo", secret: "1", settings: settings))
        #expect(wrong != nil && screen.covers.cover == .entry)
        let right = ManualEntry(issuer: "Acme", account: "demo", secret: "GEZDGNBVGY3TQOJQ", settings: settings)
        async let reading = screen.covers.read(right)
        while screen.enrolment.state != .reading { await Task.yield() }
        screen.covers.close(.entry)
        #expect(await reading == nil && screen.covers.cover == nil, "closed meanwhile: nothing is asked")
        screen.covers.type()
        #expect(await screen.covers.read(right) == nil && screen.covers.cover == .enrolment)
    }

    @Test func aRequestThatIsBeingAnsweredStaysUntilItsResult() async throws {
        let held = Box<CheckedContinuation<Void, Never>?>(nil)
        let screen = try await screen(Recorder { _ in
            await withCheckedContinuation { answer in held.change { $0 = answer } }
            return Recorder.taken
        })
        let server = try await screen.app.registered()
        let (first, second) = (try await screen.app.request(server, 1), try await screen.app.request(server, 2))
        screen.requests.show(first)
        let answering = Task { await screen.requests.shown?.deny() }
        #expect(await eventually { held.value != nil })
        screen.covers.close(.request)
        screen.model.openRequest(second.id)
        screen.model.open(registrationCode("ada"))
        #expect(screen.covers.opening == nil)
        await screen.covers.takeOpening()
        #expect(screen.covers.cover == .request && screen.requests.shown?.id == first.id && screen.model.openedRequest == second.id)
        held.value?.resume()
        await answering.value
        #expect(screen.requests.shown?.state == .settled(.denied))
        #expect(screen.covers.opening != nil, "now it can")
        await screen.covers.takeOpening()
        #expect(screen.requests.shown?.id == second.id && screen.model.openedRequest == nil)
    }

    @Test func aCodeThatIsOpenedWhileAnotherIsDecidedWaits() async throws {
        let screen = try await screen()
        func confirmed() -> String? { if case .confirming(let preview) = screen.enrolment.state { preview.account } else { nil } }
        screen.model.open(registrationCode("ada"))
        await screen.covers.takeOpening()
        #expect(confirmed() == "ada")
        screen.model.open(registrationCode("bob"))
        await screen.covers.takeOpening()
        #expect(confirmed() == "ada" && screen.model.openedCode != nil && screen.covers.opening == nil)
        screen.covers.close(.enrolment)
        #expect(screen.covers.opening != nil)
        await screen.covers.takeOpening()
        #expect(confirmed() == "bob" && screen.model.openedCode == nil)
        screen.covers.close(.enrolment)
        screen.covers.type()
        screen.model.open(registrationCode("eve"))
        await screen.covers.takeOpening()
        #expect(screen.covers.cover == .entry && screen.enrolment.state == .waiting, "nor while somebody types")
        screen.covers.close(.entry)
        screen.model.enter(.background)
        #expect(screen.covers.opening == nil, "nor while the app is locked")
    }

    @Test func theReasonIsAskedOfTheRequestOnTheScreenAndNotWhileLocked() async throws {
        let screen = try await screen()
        let server = try await screen.app.registered()
        screen.covers.askReason()
        #expect(!screen.covers.isReasonAsked)
        screen.requests.show(try await screen.app.request(server, 1))
        screen.covers.askReason()
        #expect(screen.covers.isReasonAsked)
        await screen.model.enter(.background)?.value
        #expect(!screen.covers.isReasonAsked)
        // A cover that the system closes because of the lock is not an answer.
        screen.covers.closeReason()
        await screen.covers.deny(.notMe)
        await screen.model.unlock()
        #expect(screen.covers.isReasonAsked && screen.requests.shown?.state == .asking)
        screen.covers.closeReason()
        #expect(!screen.covers.isReasonAsked && screen.requests.shown?.state == .asking)
        screen.covers.askReason()
        screen.requests.show(try await screen.app.request(server, 2))
        #expect(!screen.covers.isReasonAsked, "it was asked of another one")
        screen.covers.askReason()
        await screen.covers.deny(.mistake)
        #expect(screen.requests.shown?.reason == .mistake && !screen.covers.isReasonAsked)
    }

    @Test func aRequestComesBeforeTheCameraAndWaitsForWhoIsTyping() async throws {
        let screen = try await screen()
        let server = try await screen.app.registered()
        let request = try await screen.app.request(server)
        screen.covers.scan()
        screen.requests.show(request)
        #expect(screen.covers.cover == .request)
        screen.covers.close(.scanner)
        #expect(screen.covers.cover == .request, "the camera that it took the place of")
        screen.covers.close(.request)
        #expect(screen.covers.cover == .scanner)
        screen.covers.type()
        screen.requests.show(request)
        #expect(screen.covers.cover == .entry)
        let failure = await screen.covers.read(ManualEntry(issuer: "Acme", account: "demo", secret: "GEZDGNBVGY3TQOJQ", settings: settings))
        #expect(failure == nil && screen.covers.cover == .enrolment)
        screen.covers.close(.enrolment)
        #expect(screen.covers.cover == .request)
        screen.covers.type()
        await screen.covers.show(requestId: request.id)
        #expect(screen.covers.cover == .request, "what was tapped comes before all else")
    }
}
