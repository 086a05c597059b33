import AuthenticatorDevice
import AuthenticatorModels
import AVFoundation
import BackgroundTasks
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security
import Testing
import UserNotifications

/// The platform's seams over stubs of Apple's frameworks: how keys are requested, and how errors are interpreted. Does
/// not show that the real frameworks respond this way.
@Suite(.serialized) struct DeviceTests {
    private let vaultKeys = VaultKeys(accessGroup: "group")
    private let biometrics = BiometricKey(accessGroup: "group", reason: "Approve")

    init() {
        StubKeychain.shared.reset()
        StubOwner.shared.set()
    }

    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("device-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test func theKeyOfTheVaultAsksNobodyAndStaysOnThisDevice() throws {
        let wrapped = try vaultKeys.wrap(dataKey: Data([1, 2, 3]))
        #expect(wrapped != Data([1, 2, 3]))
        #expect(try vaultKeys.unwrap(wrapped: wrapped) == Data([1, 2, 3]))
        let access = try #require(StubKeychain.shared.key("org.pushauthenticator.vault")?.access)
        #expect(access.protection == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly && access.flags == .privateKeyUsage)
    }

    @Test func aKeyThatIsNotThereNowIsToldFromOneThatIsGone() throws {
        let path = try VaultPlace(container: folder()).prepare()
        _ = try Authenticator.open(vaultFile: path, keys: vaultKeys, log: nil)
        StubKeychain.shared.lookUp(endsWith: errSecInteractionNotAllowed)
        #expect(throws: PlatformKeyError.Unavailable) { try vaultKeys.unwrap(wrapped: Data([1])) }
        #expect { try Authenticator.open(vaultFile: path, keys: vaultKeys, log: nil) } throws: { ($0 as? AuthenticatorError)?.code == "key-unavailable" }
        StubKeychain.shared.lookUp(endsWith: errSecSuccess)
        #expect(try Authenticator.open(vaultFile: path, keys: vaultKeys, log: nil).accounts() == [])
        StubKeychain.shared.reset()
        #expect(throws: PlatformKeyError.Invalid) { try vaultKeys.unwrap(wrapped: Data([1])) }
    }

    @Test func theBiometricKeyIsBoundToTheBiometricsOfNow() async throws {
        let wrapped = try biometrics.wrap(slot: Data([1, 2, 3]))
        let access = try #require(biometricTags.first.flatMap { StubKeychain.shared.key($0)?.access })
        #expect(access.flags == [.privateKeyUsage, .biometryCurrentSet])
        #expect(access.protection == kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly)
        #expect(try await biometrics.unwrap(wrapped) == Data([1, 2, 3]))
    }

    @Test func aPromptThatIsNotPassedLosesNothing() async throws {
        let wrapped = try biometrics.wrap(slot: Data([1]))
        for code in [LAError.Code.userCancel, .systemCancel, .appCancel, .userFallback] {
            StubOwner.shared.set(failure: code)
            await #expect(throws: BiometricFailure.cancelled) { try await biometrics.unwrap(wrapped) }
        }
        for code in [LAError.Code.authenticationFailed, .biometryLockout, .biometryNotEnrolled] {
            StubOwner.shared.set(failure: code)
            await #expect(throws: BiometricFailure.unavailable) { try await biometrics.unwrap(wrapped) }
        }
        StubOwner.shared.set(hasBiometric: false)
        await #expect(throws: BiometricFailure.unavailable) { try await biometrics.unwrap(wrapped) }
        StubOwner.shared.set()
        StubKeychain.shared.use(endsWith: errSecInteractionNotAllowed)
        await #expect(throws: BiometricFailure.unavailable) { try await biometrics.unwrap(wrapped) }
        StubKeychain.shared.use(endsWith: errSecSuccess)
        #expect(try await biometrics.unwrap(wrapped) == Data([1]))
    }

    private var biometricTags: [String] { StubKeychain.shared.tags.filter { $0.hasPrefix("org.pushauthenticator.biometric.") } }

    @Test func aKeyThatChangedBiometricsMadeInvalidIsTakenAway() async throws {
        let wrapped = try biometrics.wrap(slot: Data([1]))
        StubKeychain.shared.use(endsWith: errSecAuthFailed)
        await #expect(throws: BiometricFailure.invalidated) { try await biometrics.unwrap(wrapped) }
        #expect(biometricTags.isEmpty)
        StubKeychain.shared.use(endsWith: errSecSuccess)
        await #expect(throws: BiometricFailure.invalidated) { try await biometrics.unwrap(wrapped) }
        await #expect(throws: BiometricFailure.invalidated) { try await biometrics.unwrap(Data()) }
    }

    @Test func aKeyThatIsGoneTakesNoOtherAccountsWithIt() async throws {
        let (first, second) = (try biometrics.wrap(slot: Data([1])), try biometrics.wrap(slot: Data([2])))
        let enrolledBefore = biometricTags
        // Another face: all previous keys are invalid, whether used yet or not.
        StubKeychain.shared.invalidate()
        await #expect(throws: BiometricFailure.invalidated) { try await biometrics.unwrap(first) }
        let again = try biometrics.wrap(slot: Data([3]))
        #expect(try await biometrics.unwrap(again) == Data([3]), "an account that is added again is bound to no dead key")
        await #expect(throws: BiometricFailure.invalidated) { try await biometrics.unwrap(second) }
        #expect(try await biometrics.unwrap(again) == Data([3]), "the other account's end leaves it alone")
        let secondAgain = try biometrics.wrap(slot: Data([4]))
        #expect(try await biometrics.unwrap(secondAgain) == Data([4]))
        #expect(Set(biometricTags).isDisjoint(with: enrolledBefore))
        biometrics.keepOnly([again])
        #expect(biometricTags.count == 1)
        #expect(try await biometrics.unwrap(again) == Data([3]))
    }

    @Test func theOwnerIsAskedAndTheDeviceDescribed() async {
        let owner = Owner(reason: "Open")
        #expect(await owner.confirm() == .confirmed && owner.canConfirm)
        for code in [LAError.Code.userCancel, .authenticationFailed, .biometryLockout] {
            StubOwner.shared.set(failure: code)
            #expect(await owner.confirm() == .refused && owner.canConfirm)
        }
        StubOwner.shared.set(failure: .passcodeNotSet)
        #expect(await owner.confirm() == .unprotected && !owner.canConfirm)
        StubOwner.shared.set(hasBiometric: false)
        #expect(ThisDevice(name: "Phone") { 0.5 }.facts == DeviceFacts(biometricAvailable: false, tamperScore: 0.5))
    }

    @Test func theVaultsFolderIsTheOwnersOnly() throws {
        let place = VaultPlace(container: try folder())
        let path = try place.prepare()
        #expect(try place.prepare() == path)
        let attributes = try FileManager.default.attributesOfItem(atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o700)
    }

    @Test func settingsAreKept() throws {
        let defaults = try #require(UserDefaults(suiteName: "settings-\(UUID().uuidString)"))
        let token = DefaultsStore(defaults).load().ownToken
        #expect(DefaultsStore(defaults).load().ownToken == token, "it is made once")
        var settings = DefaultsStore(defaults).load()
        (settings.appLock, settings.historyDays) = (true, 30)
        DefaultsStore(defaults).save(settings)
        #expect(DefaultsStore(defaults).load() == settings)
        defaults.set(Data("no settings".utf8), forKey: "settings")
        #expect(DefaultsStore(defaults).load().appLock == false)
    }

    @Test func theFirstCodeTheCameraSeesIsGivenOnce() async {
        for (isAllowed, isThere, start) in [(false, true, CodeScanner.Start.denied), (true, false, .noCamera)] {
            StubCamera.shared.set(isAllowed: isAllowed, isThere: isThere)
            #expect(await CodeScanner().start { _ in } == start)
        }
        StubCamera.shared.set(isAllowed: true, isThere: true)
        let (scanner, lock) = (CodeScanner(), NSLock())
        nonisolated(unsafe) var found: [String] = []
        #expect(await scanner.start { code in lock.withLock { found.append(code) } } == .looking)
        #expect(scanner.session.isRunning)
        let seen = [AVMetadataObject(), AVMetadataMachineReadableCodeObject(stringValue: nil)]
            + ["pushauth://push/a", "pushauth://push/b"].map { AVMetadataMachineReadableCodeObject(stringValue: $0) }
        for _ in 0..<2 { scanner.metadataOutput(AVCaptureMetadataOutput(), didOutput: seen, from: AVCaptureConnection()) }
        #expect(lock.withLock { found } == ["pushauth://push/a"])
        #expect(!scanner.session.isRunning, "the camera is off afterwards")
    }

    @Test func theBackgroundTaskSaysWhatCameOfItAndAsksForTheNext() async throws {
        BackgroundRefresh.register { true }
        let handler = try #require(BGTaskScheduler.shared.handlers[BackgroundRefresh.identifier])
        let success = await withCheckedContinuation { done in handler(BGTask { done.resume(returning: $0) }) }
        #expect(success)
        #expect(BGTaskScheduler.shared.requests.last?.identifier == BackgroundRefresh.identifier)
    }

    @Test func theBackgroundTaskEndsWhenTheSystemsPatienceDoes() async throws {
        BackgroundRefresh.register {
            try? await Task.sleep(for: .seconds(60))
            return !Task.isCancelled
        }
        let handler = try #require(BGTaskScheduler.shared.handlers[BackgroundRefresh.identifier])
        let success = await withCheckedContinuation { done in
            let task = BGTask { done.resume(returning: $0) }
            handler(task)
            task.expirationHandler?()
        }
        #expect(!success)
    }

    @Test func theSystemsListShowsWhatIsPostedAndNoMoreOfWhatIsTakenBack() async throws {
        let alerts = SystemAlerts(\.rawValue)
        // As the extension leaves a push: with an identifier chosen by the system.
        let pushed = UNMutableNotificationContent()
        PushAlerts.fill(pushed, with: .init(title: .requestTitle, subtitle: "Ping, demo", requestId: "7"), \.rawValue)
        try await UNUserNotificationCenter.current().add(UNNotificationRequest(identifier: "of the system", content: pushed, trigger: nil))
        let foreign = UNNotificationRequest(identifier: "8", content: UNMutableNotificationContent(), trigger: nil)
        try await UNUserNotificationCenter.current().add(foreign)
        await alerts.post(.init(title: .requestTitle, subtitle: "Ping, ada", requestId: "8-of-ada", canDenyThere: true))
        #expect(await alerts.shown() == ["7", "8-of-ada"])
        let posted = await UNUserNotificationCenter.current().deliveredNotifications().last?.request.content as? UNMutableNotificationContent
        #expect(posted?.subtitle == "Ping, ada" && posted?.body == "" && posted?.categoryIdentifier == PushAlerts.category)
        #expect(posted?.sound != nil)
        await alerts.remove(["7", "8"])
        #expect(await alerts.shown() == ["8-of-ada"])
        #expect(await UNUserNotificationCenter.current().deliveredNotifications().map(\.request.identifier) == ["8", "8-of-ada"])
    }

    @Test func notificationsAreOffWhereThePersonSaysSoOrNothingIsSeenOfThem() async {
        let cases: [(UNNotificationSettings, Bool)] = [
            (.init(), false), (.init(.notDetermined, alert: .disabled, lockScreen: .disabled, center: .disabled), false), (.init(.denied), true),
            (.init(alert: .disabled, lockScreen: .disabled), false), (.init(alert: .disabled, lockScreen: .disabled, center: .disabled), true),
            (.init(.provisional, alert: .disabled, lockScreen: .disabled), false),
        ]
        for (settings, areOff) in cases {
            UNUserNotificationCenter.current().set(settings)
            #expect(await SystemAlerts(\.rawValue).areOff() == areOff, "\(settings.authorizationStatus)")
        }
        UNUserNotificationCenter.current().set(.init())
    }

    @Test func aLockScreenShowsNoMoreThanWhoAsks() {
        let content = UNMutableNotificationContent()
        content.userInfo = ["aps": ["data": "a signed message"]]
        content.body = "Login attempt from demo at Ping: 42"
        PushAlerts.fill(content, with: .init(title: .requestTitle, subtitle: "Ping, demo", requestId: "7", canDenyThere: true), \.rawValue)
        #expect(content.title == "request.title" && content.subtitle == "Ping, demo" && content.body.isEmpty)
        #expect(content.userInfo as? [String: String] == [PushAlerts.requestId: "7"] && content.categoryIdentifier == PushAlerts.category)
        PushAlerts.fill(content, with: .init(title: .requestTitle, subtitle: nil, requestId: "8", canDenyThere: false), \.rawValue)
        #expect(content.categoryIdentifier.isEmpty, "what has to be signed is denied in the app")
        let actions = PushAlerts.categories(\.rawValue).flatMap(\.actions)
        #expect(actions.map(\.identifier) == [PushAlerts.deny] && actions.allSatisfy { $0.options.contains(.authenticationRequired) })
    }
}
