import Foundation
import Observation
import PushAuthenticator

/// The app as a whole: its vault, its lock, and what it was opened with.
@MainActor @Observable
public final class AppModel {
    public enum Stage: Sendable {
        case starting
        /// The device has not been unlocked since it started: nothing is lost, and trying again helps.
        case waitingForUnlock
        case failed(Failure)
        case ready(Services)
    }

    public private(set) var stage: Stage = .starting
    /// Whether the app lock covers everything.
    public private(set) var isLocked: Bool
    /// A registration URI that the app was opened with, until a screen takes it.
    public private(set) var openedCode: String?
    /// The sign-on request whose notification was tapped, until a screen takes it.
    public private(set) var openedRequest: String?
    private let settings: any SettingsStore
    public let owner: any OwnerCheck
    private let open: @Sendable () async throws -> Services
    /// For work that must finish after the app leaves the foreground.
    private let background: BackgroundWork
    private var starting: Task<Void, Never>?
    /// Whether the app has come to the foreground and has not yet asked its owner to authenticate.
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

    /// Opens the vault, unless it is open, and tells the core about the device. Several callers may call this at once.
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

    /// Handles an address that the app was opened with. A registration URI leads to the confirmation screen, and to
    /// nothing else.
    public func open(_ address: String) {
        if EnrolmentModel.isRegistrationCode(address) { openedCode = address }
    }

    /// Takes the registration URI that the app was opened with, unless the app is locked.
    public func takeOpenedCode() -> String? {
        guard !isLocked else { return nil }
        defer { openedCode = nil }
        return openedCode
    }

    /// Opens a sign-on request whose notification was tapped, perhaps before any screen exists.
    public func openRequest(_ id: String) { openedRequest = id }

    /// Takes the sign-on request whose notification was tapped, unless the app is locked.
    public func takeOpenedRequest() -> String? {
        guard !isLocked else { return nil }
        defer { openedRequest = nil }
        return openedRequest
    }

    /// Where the app is on the screen.
    public enum Phase: Sendable {
        case front
        /// Visible, but not in use; also while the system's prompt lies above it.
        case inactive
        case background
    }

    /// Handles the app's coming to or leaving the foreground. The owner is asked once each time the app comes from the
    /// background: a prompt in the background would be lost, and asking again after every failure would never end.
    ///
    /// - Returns: the remaining work, which takes time. Everything that must be done before the system continues is
    ///   already done
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

    /// Handles a push that arrived while the app is in the foreground; its extension has already processed it.
    ///
    /// - Parameter requestId: the sign-on request in the push; if nil, the servers are asked
    public func arrived(requestId: String?) async {
        guard case .ready(let services) = stage else { return }
        services.phone.refresh()
        // If a server does not respond, the list of requests asks it again.
        if requestId == nil { _ = try? await services.courier.pull() }
    }

    /// Handles a denial that the user made in the notification, with no screen open.
    ///
    /// - Parameter alerts: reports what did not go through if the vault cannot be opened
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

    /// Refreshes after the system woke the app for it.
    ///
    /// - Returns: whether the refresh succeeded
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

    /// Stores a new APNs token for this phone and tells all servers.
    public func setPushToken(_ token: String) async {
        var changed = settings.load()
        changed.pushToken = token
        settings.save(changed)
        // If the app is not ready, it tells the servers when it starts.
        if case .ready(let services) = stage { await background.run { await tellDevice(services) } }
    }

    private func tellDevice(_ services: Services) async {
        let (facts, isLocked, settings) = (services.device.facts, isLocked, settings.load())
        do {
            try await services.phone.call { core in
                core.setDeviceFacts(facts: facts)
                core.setConcealed(concealed: isLocked)
                // Setting the same token again changes nothing.
                if let token = settings.pushToken { try core.setPushToken(token: token, communicationType: .apns) }
                _ = try core.cleanHistory(retention: settings.retention)
            }
        } catch {
            // A token that was not sent and a history that is too long are handled at the next start; the event log
            // shows them.
        }
    }

    /// While the app is locked, sign-on requests do not show what only the user may see.
    private func conceal() async {
        guard case .ready(let services) = stage else { return }
        let isLocked = isLocked
        try? await services.phone.call { $0.setConcealed(concealed: isLocked) }
    }
}
