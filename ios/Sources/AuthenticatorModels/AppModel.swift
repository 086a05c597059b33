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
    private var starting: Task<Void, Never>?

    /// - Parameter open: opens the vault with the platform's keys
    public init(settings: any SettingsStore, owner: any OwnerCheck, open: @escaping @Sendable () async throws -> Services) {
        self.settings = settings
        self.owner = owner
        self.open = open
        isLocked = settings.load().appLock
    }

    /// Opens the vault, unless it is open, and tells the core about the device. May be called from several places at once.
    public func start() async {
        if let starting { return await starting.value }
        let start = Task {
            if case .ready(let services) = stage { await tellDevice(services) } else { await openVault() }
        }
        starting = start
        await start.value
        starting = nil
    }

    private func openVault() async {
        do {
            let services = try await open()
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

    /// The app left the front.
    public func lock() async {
        isLocked = settings.load().appLock
        await conceal()
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
        if case .ready(let services) = stage { await tellDevice(services) }
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
