import AuthenticatorModels
import Foundation
import PushAuthenticator
import Testing

/// When the app may use its vault: never once the system may suspend it, and always long enough for unfinished work.
@Suite(.timeLimit(.minutes(2))) @MainActor struct BackgroundWorkTests {
    private struct Started {
        let app: App
        let time = TestTime()
        let model: AppModel
        let services: Services

        @MainActor init(_ transport: any HTTPTransport = Recorder()) async throws {
            let app = try await App(transport)
            self.app = app
            model = AppModel(settings: app.settings, owner: TestOwner(), background: BackgroundWork(time)) { app.services }
            await model.enter(.front)?.value
            guard case .ready(let services) = model.stage else { throw Server.Failed(description: "\(model.stage)") }
            self.services = services
        }

        /// Returns whether a call of the core begins now. `limit` is the time allowed for calls that should begin, and
        /// given to those that should not.
        @MainActor func callsBegin(within limit: Duration = .seconds(30)) async -> Bool {
            let hasBegun = Box(false)
            let call = Task { try await app.phone.call { _ in hasBegun.change { $0 = true } } }
            _ = await eventually(within: limit) { hasBegun.value }
            call.cancel()
            return hasBegun.value
        }
    }

    /// A server that responds when a test says so.
    private final class Slow: Sendable {
        let held = Box<[CheckedContinuation<Void, Never>]>([])
        let isOpen = Box(false)

        func answer() {
            isOpen.change { $0 = true }
            held.value.forEach { $0.resume() }
            held.change { $0 = [] }
        }

        var transport: Recorder {
            Recorder { [self] _ in
                if !isOpen.value { await withCheckedContinuation { answer in held.change { $0.append(answer) } } }
                return Recorder.taken
            }
        }
    }

    @Test func anAppThatLeftTheFrontUsesItsVaultNoMoreBeforeTheSystemMaySuspendIt() async throws {
        let started = try await Started()
        #expect(!started.time.isRunning, "in front there is nothing to ask for")
        let leaving = started.model.enter(.background)
        #expect(started.time.isRunning, "asked for before the system goes on")
        await leaving?.value
        #expect(await eventually { !started.time.isRunning })
        #expect(await !started.callsBegin(within: .milliseconds(300)))
        await started.model.enter(.front)?.value
        #expect(await started.callsBegin() && !started.time.isRunning)
    }

    @Test func anAnswerThatIsOnItsWayComesToItsEnd() async throws {
        let slow = Slow()
        let started = try await Started(slow.transport)
        let request = try await started.app.request(started.app.registered())
        let screen = RequestModel(request, started.services)
        let answering = Task { await screen.accept() }
        #expect(await eventually { slow.held.value.count == 1 })
        await started.model.enter(.background)?.value
        #expect(started.time.isRunning)
        #expect(await started.callsBegin())
        slow.answer()
        await answering.value
        #expect(screen.state == .settled(.approved))
        #expect(await eventually { !started.time.isRunning })
        #expect(await !started.callsBegin(within: .milliseconds(300)))
    }

    @Test func onceTheTimeIsOverNoCallBeginsAndTheRestFollowsInFront() async throws {
        let slow = Slow()
        let started = try await Started(slow.transport)
        let request = try await started.app.request(started.app.registered())
        let screen = RequestModel(request, started.services)
        let answering = Task { await screen.accept() }
        #expect(await eventually { slow.held.value.count == 1 })
        await started.model.enter(.background)?.value
        started.time.expire()
        #expect(await eventually { !started.time.isRunning }, "given back, though the server is silent")
        slow.answer()
        #expect(await !started.callsBegin(within: .milliseconds(300)) && screen.state == .answering)
        await started.model.enter(.front)?.value
        await answering.value
        #expect(screen.state == .settled(.approved))
    }

    @Test func whatWasGrantedIsGivenBackInFrontAndAskedForAnew() async throws {
        let slow = Slow()
        let started = try await Started(slow.transport)
        let request = try await started.app.request(started.app.registered())
        let answering = Task { await RequestModel(request, started.services).deny() }
        #expect(await eventually { slow.held.value.count == 1 })
        for begun in 1...3 {
            await started.model.enter(.background)?.value
            #expect(started.time.begun == begun && started.time.isRunning)
            await started.model.enter(.front)?.value
            #expect(!started.time.isRunning)
        }
        slow.answer()
        await answering.value
        #expect(await started.callsBegin(), "an end in front pauses nothing")
    }

    @Test func noRoundBeginsInTheBackgroundAndOneThatHasBegunIsNotTorn() async throws {
        let slow = Slow()
        let started = try await Started(slow.transport)
        let server = try await started.app.registered()
        let (first, second) = (try await started.app.request(server, 1), try await started.app.request(server, 2))
        let requests = RequestsModel(started.services)
        let delivering = Task { await requests.deliver() }
        try await started.app.phone.call { try $0.deny(notificationId: first.id) }
        #expect(await eventually { slow.held.value.count == 1 })
        // As the view does when the scene goes to the background.
        delivering.cancel()
        await started.model.enter(.background)?.value
        try await started.app.phone.call { try $0.deny(notificationId: second.id) }
        #expect(started.time.isRunning)
        slow.answer()
        await delivering.value
        #expect(await eventually { !started.time.isRunning })
        await started.model.enter(.front)?.value
        let states = try await started.app.phone.call { core in try [first, second].map { try core.notification(id: $0.id).state } }
        #expect(states == [.denied, .answering])
    }

    @Test func aWokenAppWorksAndRestsAgain() async throws {
        let started = try await Started()
        let server = try await started.app.registered()
        let request = try await started.app.request(server)
        await started.model.enter(.background)?.value
        #expect(await eventually { !started.time.isRunning })
        await started.model.denyInAlert(request.id, started.app.alerts)
        #expect(await started.model.refreshInBackground() && started.time.begun == 3)
        #expect(await eventually { !started.time.isRunning })
        #expect(await !started.callsBegin(within: .milliseconds(300)))
        started.time.isGranted = false
        #expect(await started.model.refreshInBackground(), "in the time that the system woke it for")
        #expect(await !started.callsBegin(within: .milliseconds(300)))
        started.app.phone.resume()
        #expect(try await started.app.phone.call { try $0.notification(id: request.id) }.state == .denied)
    }

    @Test func withoutATimeGrantedTheAppIsConcealedAndRestsAtOnce() async throws {
        let slow = Slow()
        let started = try await Started(slow.transport)
        SettingsModel(started.services, owner: TestOwner()).setAppLock(true)
        let request = try await started.app.request(started.app.registered())
        let answering = Task { await RequestModel(request, started.services).deny() }
        #expect(await eventually { slow.held.value.count == 1 })
        started.time.isGranted = false
        await started.model.enter(.background)?.value
        #expect(await eventually { started.model.isLocked })
        #expect(await !started.callsBegin(within: .milliseconds(300)))
        slow.answer()
        started.app.phone.resume()
        #expect(try await started.app.phone.call { try $0.notification(id: request.id) }.concealed)
        await answering.value
    }
}
