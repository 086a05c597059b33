import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing

/// What lies over the list of accounts, above all while the app is locked.
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
    private func screen() async throws -> Screen {
        let app = try await App()
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
        await screen.model.lock()
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
        await screen.model.lock()
        #expect(!screen.covers.isRemovalAsked)
        // What the system closes for the lock is no answer.
        await screen.covers.decideRemoval(false)
        await screen.covers.decideRemoval(true)
        await screen.model.unlock()
        #expect(screen.covers.isRemovalAsked)
        await screen.covers.decideRemoval(true)
        #expect(try await screen.app.phone.call { try $0.accounts() } == [])
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
        let settings = CodeSettings(algorithm: .sha1, digits: 6, moving: .time(periodSeconds: 30))
        await screen.covers.read(ManualEntry(issuer: "Acme", account: "demo", secret: "GEZDGNBVGY3TQOJQ", settings: settings))
        #expect(screen.covers.cover == .enrolment)
        screen.covers.close(.enrolment)
        #expect(screen.covers.cover == .request)
        screen.covers.type()
        await screen.covers.show(requestId: request.id)
        #expect(screen.covers.cover == .request, "what was tapped comes before all else")
    }
}
