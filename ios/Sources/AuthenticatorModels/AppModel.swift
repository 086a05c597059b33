import Foundation
import Observation
import PushAuthenticator

/// The app as a whole: its vault, its lock, and what it was opened with.
@MainActor @Observable
public final class AppModel {
    public enum Stage: Sendable {
        case starting
        /// The device was not unlocked since it started: nothing is lost, and trying again helps.
        case waitingForUnlock
        case failed(Failure)
        case ready(Services)
    }

    public private(set) var stage: Stage = .starting
    /// Whether the app's own lock covers everything.
    public private(set) var isLocked: Bool
    /// A registration code that the app was opened with, until a screen takes it.
    public private(set) var openedCode: String?
    /// The sign-on request whose notification was tapped, until a screen takes it.
    public private(set) var openedRequest: String?
    private let settings: any SettingsStore
    public let owner: any OwnerCheck
    private let open: @Sendable () async throws -> Services
    /// For what has to come to its end when the app leaves the front.
    private let background: BackgroundWork
    private var starting: Task<Void, Never>?
    /// Whether the app came to the front and its owner was not asked for since.
    private var isPromptDue = true
    private var isInFront = false

    /// - Parameter open: opens the vault with the platform's keys
    public init(
        settings: any SettingsStore, owner: any OwnerCheck, background: BackgroundWork = BackgroundWork(),
        open: @escaping @Sendable () async throws -> Services
    ) {
        self.background = background
        self.settings = settings
        self.owner = owner
        self.open = open
        isLocked = settings.load().appLock
    }

    /// Opens the vault, unless it is open, and tells the core about the device. May be called from several places at once.
    public func start() async {
        if let starting { return await starting.value }
        let start = Task {
            await background.run {
                if case .ready(let services) = stage { await tellDevice(services) } else { await openVault() }
            }
        }
        starting = start
        await start.value
        starting = nil
    }

    private func openVault() async {
        do {
            let services = try await open().with(background)
            background.hold(services.phone)
            await tellDevice(services)
            await services.forgetUnusedKeys()
            stage = .ready(services)
        } catch let error as AuthenticatorError where error.code == "key-unavailable" {
            stage = .waitingForUnlock
        } catch {
            stage = .failed(Failure(error))
        }
    }

    /// The app was opened with an address. One that is a registration code leads to the screen that confirms it, and to
    /// nothing else.
    public func open(_ address: String) {
        if EnrolmentModel.isRegistrationCode(address) { openedCode = address }
    }

    /// Takes the code that the app was opened with; not while the app is locked.
    public func takeOpenedCode() -> String? {
        guard !isLocked else { return nil }
        defer { openedCode = nil }
        return openedCode
    }

    /// A request in the system's list of notifications was tapped, perhaps before there is any screen.
    public func openRequest(_ id: String) { openedRequest = id }

    /// Takes the request that was tapped; not while the app is locked.
    public func takeOpenedRequest() -> String? {
        guard !isLocked else { return nil }
        defer { openedRequest = nil }
        return openedRequest
    }

    /// Where the app is on the screen.
    public enum Phase: Sendable {
        case front
        /// Seen, but not used: also while the system's prompt lies above it.
        case inactive
        case background
    }

    /// The app came to the front, or left it. The owner is asked for once whenever it comes from the background: a prompt
    /// in the background is lost, and one after each refusal would have no end.
    ///
    /// - Returns: what else there is to do, which takes its time. All that has to be so before the system goes on is so
    @discardableResult
    public func enter(_ phase: Phase) -> Task<Void, Never>? {
        switch phase {
        case .inactive:
            background.enterFront()
            return nil
        case .front:
            isInFront = true
            background.enterFront()
            return Task {
                await start()
                await promptWhereDue()
            }
        case .background:
            (isInFront, isPromptDue) = (false, true)
            isLocked = settings.load().appLock
            let concealing = Task { await conceal() }
            background.leaveFront(after: concealing)
            return concealing
        }
    }

    private func promptWhereDue() async {
        guard isInFront, isLocked, isPromptDue else { return }
        isPromptDue = false
        await unlock()
    }

    /// A push came while the app is in front: its extension has taken it in.
    ///
    /// - Parameter requestId: the request that it brought; where it brought none, the servers are asked
    public func arrived(requestId: String?) async {
        guard case .ready(let services) = stage else { return }
        services.phone.refresh()
        // A server that gives no answer is asked again by whoever looks at the list.
        if requestId == nil { _ = try? await services.courier.pull() }
    }

    /// The person denied a request in the system's notification, and sees no screen.
    ///
    /// - Parameter alerts: tells what did not go through where the vault cannot be opened
    public func denyInAlert(_ id: String, _ alerts: any AlertCenter) async {
        await background.run {
            await start()
            if case .ready(let services) = stage {
                await RequestsModel(services).denyInAlert(id)
            } else {
                await alerts.post(.init(title: .resultNotDenied, subtitle: nil, requestId: id))
            }
        }
    }

    /// The system woke the app to refresh.
    ///
    /// - Returns: whether it was done
    public func refreshInBackground() async -> Bool {
        await background.run {
            await start()
            guard case .ready(let services) = stage else { return false }
            return await RequestsModel(services).refreshInBackground()
        }
    }

    public func unlock() async {
        guard isLocked, await owner.confirm() != .refused else { return }
        isLocked = false
        await conceal()
    }

    /// APNs gave this phone a token: all servers are told.
    public func setPushToken(_ token: String) async {
        var changed = settings.load()
        changed.pushToken = token
        settings.save(changed)
        // What is not ready tells it when it starts.
        if case .ready(let services) = stage { await background.run { await tellDevice(services) } }
    }

    private func tellDevice(_ services: Services) async {
        let (facts, isLocked, settings) = (services.device.facts, isLocked, settings.load())
        do {
            try await services.phone.call { core in
                core.setDeviceFacts(facts: facts)
                core.setConcealed(concealed: isLocked)
                // The token that is wanted already changes nothing.
                if let token = settings.pushToken { try core.setPushToken(token: token, communicationType: .apns) }
                _ = try core.cleanHistory(retention: settings.retention)
            }
        } catch {
            // A token that is not told and history that is too long are for the next start; the event log shows them.
        }
    }

    /// While the app is locked, requests are shown without what only the person may see.
    private func conceal() async {
        guard case .ready(let services) = stage else { return }
        let isLocked = isLocked
        try? await services.phone.call { $0.setConcealed(concealed: isLocked) }
    }
}
